import AloraInference
import AloraJSON
import AloraTestSupport
import Testing

@testable import AloraVerification

/// Mistakes with an adapter's factors, on a tiny model with PEFT's logits. The real adapter and more mistakes are in
/// scripts/robustness mistakes.
@Suite struct FactorMistakeTests {
  /// The tensors of a safetensors file of f32, to be changed in place.
  struct Factors {
    private let header: JSON
    private let start: Int
    private(set) var bytes: [UInt8]

    init(_ bytes: [UInt8]) throws {
      self.bytes = bytes
      start = 8 + bytes[0..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
      header = try parseJSON(String(decoding: bytes[8..<start], as: UTF8.self))
    }

    private func tensor(_ layer: Int, _ module: String, _ factor: String) throws -> (Range<Int>, shape: [Int]) {
      let entry = try header["base_model.model.model.layers.\(layer).\(module).lora_\(factor).weight"]
      let offsets = try entry["data_offsets"].elements().map { try $0.integer() }
      return (
        (start + offsets[0])..<(start + offsets[1]), try entry["shape"].elements().map { try $0.integer() }
      )
    }

    /// The numbers, four bytes each.
    func read(_ layer: Int, _ module: String, _ factor: String) throws -> [[UInt8]] {
      let range = try tensor(layer, module, factor).0
      return stride(from: range.lowerBound, to: range.upperBound, by: 4).map { Array(bytes[$0..<($0 + 4)]) }
    }

    mutating func write(_ values: [[UInt8]], _ layer: Int, _ module: String, _ factor: String) throws {
      let range = try tensor(layer, module, factor).0
      #expect(values.count * 4 == range.count)
      bytes.replaceSubrange(range, with: values.joined())
    }

    /// The numbers in the order of the transpose.
    func turned(_ layer: Int, _ module: String, _ factor: String) throws -> [[UInt8]] {
      let (values, shape) = (try read(layer, module, factor), try tensor(layer, module, factor).shape)
      return values.indices.map { values[$0 % shape[0] * shape[1] + $0 / shape[0]] }
    }

    mutating func exchange(_ one: (Int, String), _ other: (Int, String)) throws {
      for factor in ["A", "B"] {
        let (first, second) = (try read(one.0, one.1, factor), try read(other.0, other.1, factor))
        try write(second, one.0, one.1, factor)
        try write(first, other.0, other.1, factor)
      }
    }
  }

  struct Mistake: CustomTestStringConvertible, Sendable {
    let testDescription: String
    /// Nil: none of the known mistakes.
    let cause: Cause?
    let make: @Sendable (inout Factors) throws -> Void

    static let modules = [
      "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj",
      "mlp.down_proj",
    ]

    static let all: [Mistake] = [
      .init(testDescription: "A and B exchanged", cause: .mistake(.factors(.exchanged, .module(layer: 1, .query)))) {
        let a = try $0.turned(1, "self_attn.q_proj", "B")
        try $0.write($0.turned(1, "self_attn.q_proj", "A"), 1, "self_attn.q_proj", "B")
        try $0.write(a, 1, "self_attn.q_proj", "A")
      },
      .init(testDescription: "a B transposed", cause: .mistake(.factors(.transposedB, .module(layer: 0, .down)))) {
        try $0.write($0.turned(0, "mlp.down_proj", "B"), 0, "mlp.down_proj", "B")
      },
      .init(testDescription: "every B transposed", cause: .mistake(.factors(.transposedB, .all))) {
        for layer in 0..<2 {
          for module in modules { try $0.write($0.turned(layer, module, "B"), layer, module, "B") }
        }
      },
      .init(testDescription: "k for v", cause: .mistake(.exchangedKinds(.key, .value))) {
        for layer in 0..<2 { try $0.exchange((layer, "self_attn.k_proj"), (layer, "self_attn.v_proj")) }
      },
      // Of two layers, one late is one early.
      .init(testDescription: "layers exchanged", cause: .mistake(.layerOrder(.oneLate))) {
        for module in modules { try $0.exchange((0, module), (1, module)) }
      },
      .init(testDescription: "a module zero", cause: .idleModules([.module(layer: 1, .output)])) {
        let count = try $0.read(1, "self_attn.o_proj", "B").count
        try $0.write(Array(repeating: [0, 0, 0, 0], count: count), 1, "self_attn.o_proj", "B")
      },
      .init(
        testDescription: "a kind at half its scaling", cause: .mistake(.scalingOfKind(.value, factor: 2))
      ) {
        for layer in 0..<2 {
          let values = try $0.read(layer, "self_attn.v_proj", "B").map { bytes in
            let value = Float(bitPattern: bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }) / 2
            return (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
          }
          try $0.write(values, layer, "self_attn.v_proj", "B")
        }
      },
      .init(testDescription: "one number changed", cause: nil) {
        var values = try $0.read(1, "mlp.up_proj", "A")
        // The exponent's lowest bit: half or twice as much.
        values[7][2] ^= 0x80
        try $0.write(values, 1, "mlp.up_proj", "A")
      },
    ]
  }

  @Test(arguments: Mistake.all) func mistakesWithFactorsAreNamed(_ mistake: Mistake) throws {
    try withTemporaryDirectory { directory in
      let source = try testData("inference/llama/adapter")
      var factors = try Factors(readFile(source + "/adapter_model.safetensors"))
      try mistake.make(&factors)
      try writeFile(factors.bytes, to: directory + "/adapter_model.safetensors")
      try writeFile(readFile(source + "/adapter_config.json"), to: directory + "/adapter_config.json")
      let result = try Verifying(adapter: directory).result(golden: testData("inference/llama/golden.npz"))
      #expect(result.failedProofs == [.afterActivation])
      let causes = result.causes
      guard let cause = mistake.cause else {
        let searches = causes.compactMap { if case .unexplained(let search) = $0 { search } else { nil } }
        #expect(searches.count == 1 && searches[0].triedCount > 50 && !searches[0].isCutShort, "\(causes)")
        return
      }
      #expect(causes.contains(cause), "\(causes)")
    }
  }
}
