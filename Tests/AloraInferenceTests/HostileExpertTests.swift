import AloraInference
import AloraSystem
import AloraTestSupport
import Foundation
import Testing

/// Files of experts, in MXFP4 or of an adapter, that contradict their configuration.
extension HostileModelTests {
  /// One thing wrong with one tensor of a file.
  struct Fault: CustomTestStringConvertible, Sendable {
    let tensor: String
    /// Nil: the tensor is left out.
    var shape: [Int]?
    var dtype: String?
    /// The code that is expected, and the tensor that it names, if it isn't the changed one.
    var code = InferenceError.Code.wrongShape
    var place: String?
    var testDescription: String { "\(tensor) \(dtype ?? "") \(shape.map { "\($0)" } ?? "missing")" }

    /// The tensors with the fault. The bytes are repeated or cut so that the container finds nothing wrong.
    func applied(to tensors: [AdapterBuilder.Tensor]) throws -> [AdapterBuilder.Tensor] {
      let index = try #require(tensors.firstIndex { $0.name.hasSuffix(tensor) })
      var changed = tensors
      guard let shape else {
        changed.remove(at: index)
        return changed
      }
      let old = tensors[index]
      let width = ["U8": 1, "I8": 1, "F8_E4M3": 1, "F8_E8M0": 1, "BF16": 2, "F32": 4][dtype ?? old.dtype] ?? 1
      let bytes = old.bytes
      changed[index].shape = shape
      changed[index].dtype = dtype ?? old.dtype
      changed[index].bytes = (0..<(shape.reduce(width, *))).map { bytes[$0 % bytes.count] }
      return changed
    }
  }

  private func write(_ tensors: [AdapterBuilder.Tensor], to path: String) throws {
    var builder = AdapterBuilder()
    builder.tensors = tensors
    try writeFile(builder.safetensors(), to: path)
  }

  /// Calls `body` with a directory that has a copy of a model's or adapter's configuration.
  private func withConfiguration(_ source: String, _ name: String, _ body: (String) throws -> Void) throws {
    try withTemporaryDirectory { directory in
      try writeFile(readFile("\(source)/\(name)"), to: "\(directory)/\(name)")
      try body(directory)
    }
  }

  static let gateUp = "layers.1.mlp.experts.gate_up_proj"

  static let faults: [Fault] = [
    // Blocks: [4, 64, 1, 16].
    Fault(tensor: gateUp + "_blocks", shape: [4, 64, 2, 16]),
    Fault(tensor: gateUp + "_blocks", shape: [4, 64, 0, 16]),
    Fault(tensor: gateUp + "_blocks", shape: [4, 64, 1, 17]),
    Fault(tensor: gateUp + "_blocks", shape: [4, 64, 16, 1]),
    Fault(tensor: gateUp + "_blocks", shape: [4, 64, 16]),
    Fault(tensor: gateUp + "_blocks", shape: [3, 64, 1, 16]),
    Fault(tensor: gateUp + "_blocks", shape: [4, 63, 1, 16]),
    Fault(tensor: gateUp + "_blocks", shape: [4 * 64 * 16]),
    Fault(tensor: gateUp + "_blocks", shape: []),
    Fault(tensor: gateUp + "_blocks", shape: [64, 4, 1, 16], place: gateUp + "_scales"),
    Fault(tensor: gateUp + "_blocks", shape: [4, 64, 1, 16], dtype: "I8", code: .unsupportedType),
    Fault(tensor: gateUp + "_blocks", shape: [4, 64, 1, 16], dtype: "F8_E4M3", code: .unsupportedType),
    Fault(tensor: gateUp + "_blocks", shape: [4, 64, 1, 16], dtype: "F32", code: .unsupportedType),
    Fault(tensor: gateUp + "_blocks", code: .missingTensor, place: gateUp),
    // Exponents: [4, 64, 1].
    Fault(tensor: gateUp + "_scales", shape: [4, 64, 2]),
    Fault(tensor: gateUp + "_scales", shape: [4, 64, 0]),
    Fault(tensor: gateUp + "_scales", shape: [4, 64]),
    Fault(tensor: gateUp + "_scales", shape: [4, 32, 1]),
    Fault(tensor: gateUp + "_scales", shape: [1, 64, 1]),
    Fault(tensor: gateUp + "_scales", shape: []),
    Fault(tensor: gateUp + "_scales", shape: [4, 64, 1], dtype: "I8", code: .unsupportedType),
    Fault(tensor: gateUp + "_scales", shape: [4, 64, 1], dtype: "F32", code: .unsupportedType),
    Fault(tensor: gateUp + "_scales", code: .missingTensor),
    Fault(tensor: gateUp + "_bias", shape: [4, 32]),
    Fault(tensor: gateUp + "_bias", shape: [4, 64], dtype: "U8", code: .unsupportedType),
    Fault(tensor: gateUp + "_bias", code: .missingTensor),
  ]

  @Test(arguments: faults) func aFaultInBlocksOfMXFP4IsRefused(_ fault: Fault) throws {
    let base = try testData("inference/gpt-oss-mxfp4/base")
    try withConfiguration(base, "config.json") { directory in
      try write(fault.applied(to: safetensors(base + "/model.safetensors")), to: directory + "/model.safetensors")
      for keepsWeights in [true, false] {
        let error = caught(InferenceError.self) {
          _ = try Model(path: directory, keepsWeights: keepsWeights, pool: ThreadPool(threadCount: 1))
        }
        #expect(error?.code == fault.code)
        #expect(error?.place == "tensor model.\(fault.place ?? fault.tensor)")
      }
    }
  }

  /// E8M0 is what the exponents are, whichever type the file gives them. Every code of it is a power of two or NaN.
  @Test func anyExponentsAreComputedOrRefused() throws {
    let base = try testData("inference/gpt-oss-mxfp4/base")
    try withConfiguration(base, "config.json") { directory in
      let pool = ThreadPool(threadCount: 1)
      for (exponent, dtype, isComputed) in [
        (nil, "F8_E8M0", true), (0, "U8", true), (127, "U8", true), (254, "U8", false), (255, "U8", false),
      ] as [(UInt8?, String, Bool)] {
        var tensors = try safetensors(base + "/model.safetensors")
        for index in tensors.indices where tensors[index].name.hasSuffix("_scales") {
          tensors[index].dtype = dtype
          if let exponent { tensors[index].bytes = tensors[index].bytes.map { _ in exponent } }
        }
        try write(tensors, to: directory + "/model.safetensors")
        #expect(attempt(directory, "exponents \(exponent ?? 0)", pool) == isComputed, "\(dtype) \(exponent ?? 0)")
      }
    }
  }

  /// Extents whose products overflow, and more data than the file has.
  @Test func extentsBeyondTheFileAreRefused() throws {
    let base = try testData("inference/gpt-oss-mxfp4/base")
    try withConfiguration(base, "config.json") { directory in
      let pool = ThreadPool(threadCount: 1)
      let original = try safetensors(base + "/model.safetensors")
      let index = try #require(original.firstIndex { $0.name.hasSuffix(Self.gateUp + "_blocks") })
      for shape in [
        [4, 64, 1 << 40, 16], [1 << 62, 4], [Int.max, Int.max, 1, 16], [0, Int.max, 2, 16], [4, 64, 1, 32],
      ] {
        var tensors = original
        tensors[index].shape = shape
        try write(tensors, to: directory + "/model.safetensors")
        #expect(!attempt(directory, "\(shape)", pool), "\(shape)")
      }
      let whole = try readFile(base + "/model.safetensors")
      for count in stride(from: 0, to: whole.count, by: 997) {
        try writeFile(Array(whole[..<count]), to: directory + "/model.safetensors")
        #expect(!attempt(directory, "cut at \(count)", pool), "cut at \(count)")
      }
    }
  }

  @Test func aCutGGUFOfExpertsIsRefused() throws {
    try withTemporaryDirectory { directory in
      let pool = ThreadPool(threadCount: 1)
      let whole = try readFile(testData("inference/gpt-oss-mxfp4/base.gguf"))
      for count in stride(from: 0, to: whole.count, by: 997) {
        try writeFile(Array(whole[..<count]), to: directory + "/model.gguf")
        #expect(!attempt(directory + "/model.gguf", "cut at \(count)", pool), "cut at \(count)")
      }
    }
  }

  // MARK: Adapters of experts

  static let experts = "layers.0.mlp.experts"

  /// The factors of four experts with rank 4 each: A [16, 32] and B [48, 16] of gate and up, A [16, 24] and B [32, 16] of
  /// down.
  static let adapterFaults: [Fault] = [
    Fault(tensor: experts + ".base_layer.lora_A.weight", shape: [15, 32]),
    Fault(tensor: experts + ".base_layer.lora_A.weight", shape: [16, 31]),
    Fault(tensor: experts + ".base_layer.lora_A.weight", shape: [0, 32]),
    Fault(tensor: experts + ".base_layer.lora_A.weight", shape: [32]),
    Fault(tensor: experts + ".base_layer.lora_A.weight", shape: []),
    Fault(tensor: experts + ".base_layer.lora_A.weight", shape: [4, 4, 32]),
    Fault(tensor: experts + ".base_layer.lora_A.weight", shape: [16, 32], dtype: "U8"),
    Fault(tensor: experts + ".base_layer.lora_A.weight"),
    Fault(tensor: experts + ".base_layer.lora_B.weight", shape: [47, 16]),
    Fault(tensor: experts + ".base_layer.lora_B.weight", shape: [48, 15]),
    Fault(tensor: experts + ".base_layer.lora_B.weight", shape: [48, 12]),
    Fault(tensor: experts + ".base_layer.lora_B.weight", shape: [48, 0]),
    Fault(tensor: experts + ".base_layer.lora_B.weight"),
    Fault(tensor: experts + ".lora_A.weight", shape: [16, 25]),
    Fault(tensor: experts + ".lora_B.weight", shape: [31, 16]),
    Fault(tensor: experts + ".lora_B.weight", shape: [32, 64]),
    Fault(tensor: experts + ".lora_B.weight", shape: [32, 16], dtype: "I8"),
  ]

  /// Whether an adapter of gpt-oss-experts loads. Anything but a diagnosed error fails the test.
  private func loads(_ directory: String, _ model: Model, _ pool: ThreadPool) -> Bool {
    do {
      _ = try Adapter(path: directory, model: model, pool: pool)
      return true
    } catch is any DiagnosedError {
      return false
    } catch {
      Issue.record("\(error)")
      return false
    }
  }

  @Test(arguments: adapterFaults) func aFaultInTheFactorsOfExpertsIsRefused(_ fault: Fault) throws {
    let fixture = try testData("inference/gpt-oss-experts")
    let pool = ThreadPool(threadCount: 1)
    let model = try Model(path: fixture + "/base", pool: pool)
    try withConfiguration(fixture + "/adapter", "adapter_config.json") { directory in
      let tensors = try safetensors(fixture + "/adapter/adapter_model.safetensors")
      try write(tensors, to: directory + "/adapter_model.safetensors")
      #expect(loads(directory, model, pool))
      try write(fault.applied(to: tensors), to: directory + "/adapter_model.safetensors")
      #expect(!loads(directory, model, pool))
    }
  }

  @Test func anAdapterOfExpertsIsNeverCutOrOfAnotherRank() throws {
    let fixture = try testData("inference/gpt-oss-experts")
    let pool = ThreadPool(threadCount: 1)
    let model = try Model(path: fixture + "/base", pool: pool)
    try withConfiguration(fixture + "/adapter", "adapter_config.json") { directory in
      let whole = try readFile(fixture + "/adapter/adapter_model.safetensors")
      for count in stride(from: 0, to: whole.count, by: 499) {
        try writeFile(Array(whole[..<count]), to: directory + "/adapter_model.safetensors")
        #expect(!loads(directory, model, pool), "cut at \(count)")
      }
      try writeFile(whole, to: directory + "/adapter_model.safetensors")
      let text = String(decoding: try readFile(fixture + "/adapter/adapter_config.json"), as: UTF8.self)
      for rank in ["0", "-1", "3", "16", "4294967296", "9223372036854775807", "1e300"] {
        let changed = text.replacing(#/"r": 4\b/#, with: "\"r\": \(rank)")
        #expect(changed != text)
        try writeFile(Array(changed.utf8), to: directory + "/adapter_config.json")
        #expect(!loads(directory, model, pool), "rank \(rank)")
      }
    }
  }
}
