import AloraInference
import AloraTestSupport
import Foundation
import Testing

@testable import AloraVerification

/// Goldens that were made wrongly, whatever the adapter: each is recognized before the base or the adapter is blamed.
@Suite struct GoldenMistakeTests {
  private static func golden() throws -> String { try testData("inference/llama/golden.npz") }

  /// Verifies a changed golden of the llama fixture.
  private func result(
    _ item: GoldenCase, tolerance: Double? = nil, adapter: String? = nil
  ) throws -> VerificationResult {
    try withTemporaryDirectory { directory in
      try item.write(directory + "/g.npz")
      return try Verifying(adapter: adapter, tolerance: tolerance).result(golden: directory + "/g.npz")
    }
  }

  private static func logProbabilities(_ row: [Float]) -> [Float] {
    let normalizer = log(row.reduce(0.0) { $0 + exp(Double($1)) })
    return row.map { Float(Double($0) - normalizer) }
  }

  static let rowMistakes: [(String, @Sendable ([Float]) -> [Float], GoldenMistake)] = [
    ("log-probabilities", logProbabilities, .logProbabilities),
    ("log-probabilities in bfloat16", { logProbabilities($0).map(bfloat16) }, .logProbabilities),
    ("probabilities", { logProbabilities($0).map { exp($0) } }, .probabilities),
  ]

  @Test(arguments: rowMistakes.indices) func rowsThatAreNotLogitsAreRecognized(_ index: Int) throws {
    let (_, change, mistake) = Self.rowMistakes[index]
    let item = try GoldenCase(Self.golden()).changingRows(change)
    #expect(try result(item).causes == [.golden(mistake), .golden(mistake)])
    // With another base, too: it's reported once the rows are logits.
    let other = item.changingRows { $0.reversed() }
    #expect(try result(other).causes == [.golden(mistake), .golden(mistake)])
  }

  @Test(arguments: [0.5, 8.0]) func aTemperatureIsRecognized(_ factor: Float) throws {
    let item = try GoldenCase(Self.golden()).changingRows { $0.map { $0 * factor } }
    for cause in try result(item).causes {
      guard case .golden(.multiplied(let found)) = cause else {
        Issue.record("\(cause)")
        continue
      }
      #expect(abs(found / Double(factor) - 1) < 1e-3)
    }
  }

  @Test func rowsLessTheirMaximumAreRecognized() throws {
    let item = try GoldenCase(Self.golden()).changingRows { row in row.map { $0 - (row.max() ?? 0) } }
    for cause in try result(item).causes {
      guard case .golden(.offset(0, let amount)) = cause else {
        Issue.record("\(cause)")
        continue
      }
      #expect(amount < 0)
    }
  }

  @Test func rowsOfOtherPositionsAreRecognized() throws {
    var item = try GoldenCase(Self.golden())
    item.base = item.base.map { Array($0[1...] + $0[..<1]) }
    item.adapted = item.adapted.map { Array($0[1...] + $0[..<1]) }
    #expect(
      try result(item).causes == [Cause](repeating: .golden(.otherPosition(golden: 0, computed: 1)), count: 2))
  }

  @Test(arguments: [Float.nan, .infinity]) func rowsThatAreNotFiniteAreRecognized(_ value: Float) throws {
    var item = try GoldenCase(Self.golden())
    item.base?[3][5] = value
    item.adapted?[3][5] = value
    #expect(try result(item).causes == [Cause](repeating: .golden(.notFinite(position: 3)), count: 2))
  }

  // MARK: Precision

  private static func bfloat16(_ value: Float) -> Float {
    Float(bitPattern: (value.bitPattern &+ 0x7FFF &+ ((value.bitPattern >> 16) & 1)) & 0xFFFF_0000)
  }

  private func losses(_ result: VerificationResult) -> [GoldenMistake.PrecisionLoss] {
    result.causes.compactMap { if case .golden(.precision(let loss)) = $0 { loss } else { nil } }
  }

  /// The values saved were rounded, the computation was not.
  @Test(arguments: [(GoldenMistake.PrecisionLoss.Format.bfloat16, 4e-3), (.float16, 5e-4)])
  func roundedLogitsAreRecognized(_ format: GoldenMistake.PrecisionLoss.Format, _ step: Double) throws {
    let item = try GoldenCase(Self.golden()).changingRows { row in
      row.map { format == .bfloat16 ? Self.bfloat16($0) : Float(Float16($0)) }
    }
    let found = losses(try result(item))
    #expect(found.count == 2 && found.allSatisfy { $0.format == format && $0.isRoundingOnly && !$0.isStored })
    for loss in found { #expect(loss.toleranceThatFits <= step) }
    // The tolerance named is one that fits.
    let tolerance = try #require(found.map(\.toleranceThatFits).max())
    #expect(try result(item, tolerance: tolerance).causes.isEmpty)
  }

  /// Goldens from models that ran in another precision, and from padded batches: testdata/goldens/make_goldens.py.
  @Test(arguments: [("bf16", GoldenMistake.PrecisionLoss.Format.bfloat16), ("f16", .float16), ("tf32", .tf32Level)])
  func modelsOfLowerPrecisionAreRecognized(_ name: String, _ format: GoldenMistake.PrecisionLoss.Format) throws {
    let path = try testData("goldens/\(name).npz")
    let result = try Verifying().result(golden: path)
    let found = losses(result)
    #expect(!found.isEmpty && found.count == result.causes.count, "\(result.causes)")
    #expect(found.allSatisfy { $0.format == format && !$0.isRoundingOnly && !$0.isStored })
    #expect(Set(found.map(\.toleranceThatFits)).count == 1)
    let tolerance = try #require(found.first?.toleranceThatFits)
    let accepted = try Verifying(tolerance: tolerance).result(golden: path)
    #expect(!accepted.failedProofs.contains(.afterActivation))
  }

  @Test func theTypeOfTheArraysIsToldToo() throws {
    let found = losses(try Verifying().result(golden: testData("goldens/f16_arrays.npz")))
    #expect(!found.isEmpty && found.allSatisfy { $0.format == .float16 && $0.isStored && $0.isRoundingOnly })
  }

  /// Some rows fit, and the tolerance is a little too small for others.
  @Test func aToleranceThatIsALittleTooSmallHidesNoPrecision() throws {
    let result = try Verifying(tolerance: 0.01).result(golden: testData("goldens/bf16.npz"))
    #expect(!result.causes.isEmpty && losses(result).count == result.causes.count, "\(result.causes)")
  }

  /// What low precision doesn't explain is still found.
  @Test func mistakesAreFoundBehindLowPrecision() throws {
    try withTemporaryDirectory { directory in
      for name in ["adapter_config.json", "adapter_model.safetensors"] {
        try writeFile(readFile(testData("inference/llama/adapter/\(name)")), to: "\(directory)/\(name)")
      }
      let path = directory + "/adapter_config.json"
      let text = String(decoding: try readFile(path), as: UTF8.self)
      try FileManager.default.removeItem(atPath: path)
      let doubled = text.replacing(#/"lora_alpha": (\d+)/#) { "\"lora_alpha\": \((Int($0.1) ?? 1) * 2)" }
      try writeFile(Array(doubled.utf8), to: path)
      let result = try Verifying(adapter: directory).result(golden: testData("goldens/bf16.npz"))
      let scalings = result.causes.compactMap { cause -> Double? in
        if case .mistake(.scaling(let scaling)) = cause { scaling.factor } else { nil }
      }
      #expect(!scalings.isEmpty && scalings.allSatisfy { abs($0 - 0.5) < 0.05 }, "\(result.causes)")
      #expect(!losses(result).isEmpty)
    }
  }

  // MARK: Padding

  @Test(arguments: [("left_padded", GoldenMistake.Padding.Side.left), ("right_padded", .right)])
  func paddedPromptsAreRecognized(_ name: String, _ side: GoldenMistake.Padding.Side) throws {
    let result = try Verifying().result(golden: testData("goldens/\(name).npz"))
    let paddings = result.causes.compactMap { cause -> GoldenMistake.Padding? in
      if case .golden(.padding(let padding)) = cause { padding } else { nil }
    }
    #expect(paddings.count == result.causes.count && !paddings.isEmpty, "\(result.causes)")
    #expect(paddings.allSatisfy { $0.side == side && $0.token == 0 && $0.count == 4 })
    #expect(Set(result.failures.compactMap(\.caseIndex)) == [0])
  }

  @Test func adaptedRowsAloneShowPaddingToo() throws {
    for (name, side) in [("left_padded", GoldenMistake.Padding.Side.left), ("right_padded", .right)] {
      var item = try GoldenCase(testData("goldens/\(name).npz"))
      item.base = nil
      #expect(try result(item).causes == [.golden(.padding(.init(side: side, token: 0, count: 4)))])
    }
  }

  // MARK: Tolerances

  @Test(arguments: [7e-7, 1e-9, 1e-12]) func aToleranceBelowFloat32IsCalledThat(_ tolerance: Double) throws {
    let result = try Verifying(tolerance: tolerance).result(golden: Self.golden())
    #expect(!result.causes.isEmpty)
    for cause in result.causes {
      guard case .golden(.toleranceBelowFloat32(let fitting)) = cause else {
        Issue.record("\(cause)")
        continue
      }
      #expect(fitting > tolerance && fitting < 1e-5)
    }
  }

  /// Real mistakes keep their cause, however small the tolerance.
  @Test func aSmallToleranceHidesNoMistake() throws {
    var item = try GoldenCase(Self.golden(), 1)
    item.adapted = item.base
    item.start = nil
    #expect(try result(item, tolerance: 1e-12).causes.contains(.mistake(.adapterOff)))
  }

  @Test func oneTypeDecidesWhatFits() {
    let tolerance = Tolerance(1e-3, source: .option)
    #expect(tolerance.accepts(1e-3) && !tolerance.accepts(1.001e-3) && !tolerance.accepts(.nan))
    let cases: [([Float], [Float], Bool)] = [
      ([1, 2], [1, 2.001], true), ([1, 2], [1, 2.003], false), ([0, 0], [0, 0], true), ([0, 0], [0, 1e-30], false),
      ([.infinity, 1], [.infinity, 1], true), ([.infinity, 1], [.infinity, 1.0001], false), ([.nan], [.nan], true),
      ([.nan, 1], [1, 1], false),
    ]
    for (golden, found, fits) in cases {
      #expect(tolerance.accepts(RowComparison(expected: golden, found: found)) == fits, "\(golden) \(found)")
      #expect(tolerance.accepts(RowComparison.relative(expected: golden, found: found)) == fits)
    }
  }

  @Test func theTolerancesSourceIsKept() throws {
    #expect(try Verifying(tolerance: 1e-3).result(golden: Self.golden()).cases[0].tolerance?.source == .option)
    #expect(try Verifying().result(golden: Self.golden()).cases[0].tolerance == .standard)
    #expect(try Verifying().result(golden: nil).cases[0].tolerance == nil)
  }
}
