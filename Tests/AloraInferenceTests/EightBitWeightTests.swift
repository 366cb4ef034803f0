import AloraModels
import AloraNPZ
import AloraSystem
import AloraTensors
import AloraTestSupport
import Testing

@testable import AloraInference

/// Models in floats of eight bits, against torch.
@Suite struct EightBitWeightTests {
  static let layouts = ["block", "row", "whole", "power", "plain"]

  @Test(arguments: layouts) func logitsAgreeWithWeightsThatTorchWidened(_ layout: String) throws {
    let directory = try testData("fp8/\(layout)")
    let golden = try NPZFile(path: directory + "/golden.npz")
    let tokens = try golden.integers(named: "tokens_0")
    let expected = try golden.floats(named: "base_logits_0")
    let pool = ThreadPool(threadCount: 2)
    var kept: [Float] = []
    for keepsWeights in [true, false] {
      let model = try Model(path: directory, keepsWeights: keepsWeights, pool: pool)
      let found = try logits(Evaluator(model: model, pool: pool), tokens)
      #expect(relativeError(found, expected) < 2e-5)
      if keepsWeights { kept = found }
      let isSame = sameBits(found, kept)
      #expect(isSame)
    }
  }

  @Test func everyCodeStandsForTheNumberThatTorchGivesIt() throws {
    let bytes = try readFile(testData("fp8/codes.f32"))
    let types: [DType] = [.f8E4M3, .f8E5M2, .f8E4M3FNUZ, .f8E5M2FNUZ, .f8E8M0]
    #expect(bytes.count == types.count * 256 * 4)
    for (index, type) in types.enumerated() {
      var values: [Float] = []
      ElementConversion.widen((0...255).map { UInt8($0) }, type, count: 256, into: &values)
      for code in 0..<256 {
        let start = 4 * (256 * index + code)
        let expected = Float(bitPattern: bytes[start..<(start + 4)].reversed().reduce(0) { $0 << 8 | UInt32($1) })
        #expect(
          values[code].isNaN && expected.isNaN || values[code].bitPattern == expected.bitPattern, "\(type) \(code)")
      }
    }
  }

  struct Layout: Sendable {
    let scales: [Int]
    let matrix: [Int]
    let block: [Int]?
    let fits: Bool
  }

  @Test(arguments: [
    Layout(scales: [], matrix: [4, 6], block: nil, fits: true),
    Layout(scales: [1], matrix: [4, 6], block: nil, fits: true),
    Layout(scales: [4], matrix: [4, 6], block: nil, fits: true),
    Layout(scales: [4, 1], matrix: [4, 6], block: nil, fits: true),
    Layout(scales: [2, 3], matrix: [4, 6], block: [3, 2], fits: true),
    Layout(scales: [5, 2, 3], matrix: [5, 4, 6], block: [2, 2], fits: true),
    Layout(scales: [6], matrix: [4, 6], block: nil, fits: false),
    Layout(scales: [2, 3], matrix: [4, 6], block: nil, fits: false),
    Layout(scales: [2, 2], matrix: [4, 6], block: [3, 2], fits: false),
    Layout(scales: [5, 2, 3], matrix: [5, 4, 6], block: [3, 2], fits: false),
    Layout(scales: [2, 3], matrix: [4, 6], block: [0, 2], fits: false),
  ]) func scalesOfAnotherShapeAreRefused(_ layout: Layout) throws {
    let shape = try #require(Shape(layout.scales))
    let matrix = try #require(Shape(layout.matrix))
    let values = (0..<shape.elementCount).map { Float($0 + 1) }
    let scales = WeightScales(
      values, shape: shape, matrix: matrix, block: layout.block.map { ($0[0], $0[1]) })
    #expect((scales != nil) == layout.fits)
  }

  /// The quantization is announced, and a scale is missing: the numbers alone would be wrong.
  @Test func aMissingScaleIsRefused() throws {
    try withTemporaryDirectory { directory in
      let source = try testData("fp8/block")
      try writeFile(readFile(source + "/config.json"), to: directory + "/config.json")
      try writeFile(readFile(testData("fp8/plain/model.safetensors")), to: directory + "/model.safetensors")
      let error = caught(InferenceError.self) {
        _ = try Model(path: directory, pool: ThreadPool(threadCount: 1))
      }
      #expect(error?.code == .missingTensor)
      #expect(error?.place?.hasSuffix("weight_scale_inv") == true)
    }
  }

  // MARK: Experts

  /// A model whose experts are fused tensors in E4M3 with scales of blocks; the names don't end in `weight`.
  ///
  /// - Parameter isWidened: the same numbers in F32, without scales.
  private func writeExperts(
    to directory: String, of fixture: String = "mixtral-window", isWidened: Bool = false, hasScales: Bool = true
  ) throws {
    let base = try testData("inference/\(fixture)/base")
    let text = String(decoding: try readFile(base + "/config.json"), as: UTF8.self)
    let method = #"{"quantization_config": {"quant_method": "fp8", "weight_block_size": [4, 6]},"#
    try writeFile(Array((isWidened ? text : method + text.dropFirst()).utf8), to: directory + "/config.json")
    var random = SeededRandom(seed: 5)
    let e4m3 = try #require(EightBitFloat(.f8E4M3)).values
    var builder = AdapterBuilder()
    builder.tensors = []
    for tensor in try safetensors(base + "/model.safetensors") {
      guard tensor.name.hasSuffix("proj"), tensor.name.contains("experts") else {
        builder.tensors.append(tensor)
        continue
      }
      let (experts, rows, columns) = (tensor.shape[0], tensor.shape[1], tensor.shape[2])
      let (blockRows, blockColumns) = (rows / 4, (columns + 5) / 6)
      let codes = (0..<(experts * rows * columns)).map { _ in
        UInt8.random(in: 0...0x38, using: &random) | (Bool.random(using: &random) ? 0x80 : 0)
      }
      let scales = (0..<(experts * blockRows * blockColumns)).map { _ in Float.random(in: 0.1...0.3, using: &random) }
      let values = codes.indices.map { index in
        let (row, column) = (index / columns, index % columns)
        return e4m3[Int(codes[index])] * scales[row / 4 * blockColumns + column / 6]
      }
      var changed = AdapterBuilder.Tensor(tensor.name, tensor.shape, values)
      if !isWidened { (changed.dtype, changed.bytes) = ("F8_E4M3", codes) }
      builder.tensors.append(changed)
      if !isWidened && hasScales {
        builder.tensors.append(.init(tensor.name + "_scale_inv", [experts, blockRows, blockColumns], scales))
      }
    }
    try writeFile(builder.safetensors(), to: directory + "/model.safetensors")
  }

  @Test func fusedExpertsAreMultipliedByTheirScales() throws {
    try withTemporaryDirectory { directory in
      let pool = ThreadPool(threadCount: 2)
      let tokens = [1, 5, 9, 2, 30, 7]
      try writeExperts(to: directory, isWidened: true)
      let expected = try logits(Evaluator(model: Model(path: directory, pool: pool), pool: pool), tokens)
      try writeExperts(to: directory)
      for keepsWeights in [true, false] {
        let model = try Model(path: directory, keepsWeights: keepsWeights, pool: pool)
        let isSame = sameBits(try logits(Evaluator(model: model, pool: pool), tokens), expected)
        #expect(isSame)
      }
    }
  }

  @Test func fusedExpertsWithoutScalesAreRefused() throws {
    try withTemporaryDirectory { directory in
      try writeExperts(to: directory, hasScales: false)
      let error = caught(InferenceError.self) { _ = try Model(path: directory, pool: ThreadPool(threadCount: 1)) }
      #expect(error?.code == .missingTensor)
      #expect(error?.place?.hasSuffix("_proj_scale_inv") == true)
    }
  }

  /// Rows of these experts are columns in the file, and scales of blocks would turn with them.
  @Test func expertsByColumnsAreRefused() throws {
    try withTemporaryDirectory { directory in
      try writeExperts(to: directory, of: "gpt-oss")
      let error = caught(InferenceError.self) { _ = try Model(path: directory, pool: ThreadPool(threadCount: 1)) }
      #expect(error?.code == .unsupportedType)
      #expect(error?.place?.hasSuffix("_proj") == true)
    }
  }

  /// Only matrices have scales: a norm's would be passed over.
  @Test func aNormWithAScaleIsRefused() throws {
    try withTemporaryDirectory { directory in
      let base = try testData("inference/llama/base")
      try writeFile(readFile(base + "/config.json"), to: directory + "/config.json")
      var builder = AdapterBuilder()
      builder.tensors = try safetensors(base + "/model.safetensors")
      let index = try #require(builder.tensors.firstIndex { $0.name == "model.norm.weight" })
      builder.tensors[index].bytes = builder.tensors[index].shape.flatMap { [UInt8](repeating: 0x38, count: $0) }
      builder.tensors[index].dtype = "F8_E4M3"
      try writeFile(builder.safetensors(), to: directory + "/model.safetensors")
      let pool = ThreadPool(threadCount: 1)
      _ = try Model(path: directory, pool: pool)
      builder.tensors.append(.init("model.norm.weight_scale", [1], [2]))
      try writeFile(builder.safetensors(), to: directory + "/model.safetensors")
      let error = caught(InferenceError.self) { _ = try Model(path: directory, pool: pool) }
      #expect(error?.code == .unsupportedType && error?.place == "tensor model.norm.weight")
    }
  }
}
