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
}
