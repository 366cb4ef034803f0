import AloraJSON
import AloraNPZ
import AloraTensors
import AloraTestSupport
import Foundation
import Testing

/// What `alora verify` says of mistakes with an adapter's factors, on a tiny model with PEFT's logits. The real adapter and
/// more mistakes are in scripts/robustness mistakes.
@Suite struct DiagnosisTests {
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
    let cause: String
    let make: @Sendable (inout Factors) throws -> Void

    static let modules = [
      "self_attn.q_proj", "self_attn.k_proj", "self_attn.v_proj", "self_attn.o_proj", "mlp.gate_proj", "mlp.up_proj",
      "mlp.down_proj",
    ]

    static let all: [Mistake] = [
      .init(testDescription: "A and B exchanged", cause: "it fits: A and B of blk.1.attn_q are exchanged") {
        let a = try $0.turned(1, "self_attn.q_proj", "B")
        try $0.write($0.turned(1, "self_attn.q_proj", "A"), 1, "self_attn.q_proj", "B")
        try $0.write(a, 1, "self_attn.q_proj", "A")
      },
      .init(testDescription: "a B transposed", cause: "it fits: B of blk.0.ffn_down is transposed") {
        try $0.write($0.turned(0, "mlp.down_proj", "B"), 0, "mlp.down_proj", "B")
      },
      .init(testDescription: "every B transposed", cause: "it fits: B of every module is transposed") {
        for layer in 0..<2 {
          for module in modules { try $0.write($0.turned(layer, module, "B"), layer, module, "B") }
        }
      },
      .init(testDescription: "k for v", cause: "it fits: the factors of attn_k and attn_v exchanged") {
        for layer in 0..<2 { try $0.exchange((layer, "self_attn.k_proj"), (layer, "self_attn.v_proj")) }
      },
      // Of two layers, one late is one early.
      .init(testDescription: "layers exchanged", cause: "it fits: the updates of layer i stand at layer i + 1") {
        for module in modules { try $0.exchange((0, module), (1, module)) }
      },
      .init(testDescription: "a module zero", cause: "the adapter adds nothing to blk.1.attn_output ") {
        let count = try $0.read(1, "self_attn.o_proj", "B").count
        try $0.write(Array(repeating: [0, 0, 0, 0], count: count), 1, "self_attn.o_proj", "B")
      },
      .init(
        testDescription: "a kind at half its scaling", cause: "it fits: the scaling of attn_v times 2: an alpha_pattern"
      ) {
        for layer in 0..<2 {
          let values = try $0.read(layer, "self_attn.v_proj", "B").map { bytes in
            let value = Float(bitPattern: bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) }) / 2
            return (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
          }
          try $0.write(values, layer, "self_attn.v_proj", "B")
        }
      },
      .init(testDescription: "one number changed", cause: "hypotheses fits") {
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
      let result = try runAlora([
        "verify", "--model", testData("inference/llama/base"), "--adapter", directory, "--golden",
        testData("inference/llama/golden.npz"), "--json",
      ])
      #expect(result.status == 1, "\(result.errors)")
      let proofs = try parseJSON(result.output)["proofs"].elements()
      #expect(
        try proofs.filter { try !$0["passed"].boolean() }.map { try $0["proof"].string() } == ["after-activation"])
      let failures = try proofs[3]["failures"].elements().map { $0.serialized }
      #expect(failures.contains { $0.contains(mistake.cause) }, "\(failures.map { $0.prefix(600) })")
    }
  }

  /// Mistakes of who made the golden, not of the adapter.
  @Test(arguments: [
    ("log-probabilities", "log-probabilities (log_softmax), not logits"),
    ("shifted", "the golden's rows stand at other positions: the one for 0 is that of"), ("NaN", "not finite"),
    ("infinite", "not finite"),
  ]) func goldensThatAreNoLogitsOfTheirPositionsAreNamed(_ mistake: String, _ cause: String) throws {
    try withTemporaryDirectory { directory in
      let source = try NPZFile(path: testData("inference/llama/golden.npz"))
      let writer = try NPZWriter(path: directory + "/g.npz", replacesExisting: false, compression: .stored)
      let tokens = try source.array(named: "tokens_0")
      try writer.add("tokens_0", integers: source.integers(named: "tokens_0"), shape: tokens.shape)
      for name in ["base_logits_0", "adapted_logits_0"] {
        let (values, shape) = (try source.floats(named: name), try source.array(named: name).shape)
        let width = shape.dimensions[1]
        var rows = stride(from: 0, to: values.count, by: width).map { Array(values[$0..<($0 + width)]) }
        switch mistake {
        case "shifted": rows = Array(rows[1...] + rows[..<1])
        case "NaN": rows[3][5] = .nan
        case "infinite": rows[3][5] = .infinity
        default: rows = rows.map { row in row.map { $0 - log(row.reduce(0) { $0 + exp($1) }) } }
        }
        try writer.add(name, floats: Array(rows.joined()), shape: shape)
      }
      try writer.finish()
      let result = try runAlora([
        "verify", "--model", testData("inference/llama/base"), "--adapter", testData("inference/llama/adapter"),
        "--golden", directory + "/g.npz", "--json",
      ])
      #expect(result.status == 1, "\(result.errors)")
      let failures = try parseJSON(result.output)["proofs"].elements()[3]["failures"].elements().map { $0.serialized }
        .filter { $0.contains("case 0") }
      #expect(failures.count == 2 && failures.allSatisfy { $0.contains(cause) }, "\(failures)")
    }
  }

  /// Where the tolerance is near what engines differ by, a row less nothing fits as well.
  @Test func rowsALittleBeyondTheToleranceAreLogits() throws {
    let result = try runAlora([
      "verify", "--model", testData("inference/llama/base"), "--adapter", testData("inference/llama/adapter"),
      "--golden", testData("inference/llama/golden.npz"), "--tolerance", "7e-7",
    ])
    #expect(result.status == 1 && result.output.contains("golden") && !result.output.contains("log_softmax"))
  }

  /// The rows of query and key as Hugging Face has them, and permuted once more, in a GGUF.
  @Test(arguments: [
    (false, "lack GGUF's permutation of attention heads"), (true, "have GGUF's permutation of attention heads twice"),
  ]) func movedRowsAreNamed(_ again: Bool, _ cause: String) throws {
    try withTemporaryDirectory { directory in
      let (base, path) = (try testData("inference/llama/base"), directory + "/a.gguf")
      #expect(
        try runAlora(["convert", testData("inference/llama/adapter"), "--base", base, "--outfile", path]).status == 0)
      var bytes = try readFile(path)
      let heads = try parseJSON(String(decoding: readFile(base + "/config.json"), as: UTF8.self))
      let head = try heads["hidden_size"].integer() / heads["num_attention_heads"].integer()
      let inspected = try runAlora(["inspect", path, "--tensors", "--json"])
      for tensor in try parseJSON(inspected.output)["tensors"].elements() {
        let name = try tensor["name"].string()
        guard name.hasSuffix("attn_q.weight.lora_b") || name.hasSuffix("attn_k.weight.lora_b") else { continue }
        let (start, count) = (try tensor["byte_offset"].integer(), try tensor["byte_count"].integer())
        let rowCount = try tensor["shape"].elements()[0].integer()
        let width = count / rowCount
        let rows = (0..<rowCount).map { Array(bytes[(start + $0 * width)..<(start + ($0 + 1) * width)]) }
        let moved = rows.indices.map { row in
          let (block, place) = (row / head * head, row % head)
          return rows[
            block + (again ? place % 2 * (head / 2) + place / 2 : 2 * (place % (head / 2)) + place / (head / 2))]
        }
        bytes.replaceSubrange(start..<(start + count), with: moved.joined())
      }
      try FileManager.default.removeItem(atPath: path)
      try writeFile(bytes, to: path)
      let result = try runAlora([
        "verify", "--model", base, "--adapter", path, "--golden", testData("inference/llama/golden.npz"), "--json",
      ])
      #expect(
        result.status == 1 && result.output.contains("it fits: the rows of attn_q and attn_k \(cause)"),
        "\(result.errors)")
    }
  }
}
