import AloraInference
import AloraNPZ
import AloraTensors
import AloraTestSupport
import Testing

@testable import AloraVerification

/// A fixture's model with an adapter, ready to be verified.
struct Verifying {
  let verification: Verification
  var model: Model { verification.model }

  init(
    _ name: String = "llama", base: String? = nil, adapter: String? = nil, tolerance: Double? = nil, exact: Bool = false
  ) throws {
    let pool = ThreadPool(threadCount: 1)
    let model = try Model(path: base ?? testData("inference/\(name)/base"), pool: pool)
    let loaded = try Adapter(path: adapter ?? testData("inference/\(name)/adapter"), model: model, pool: pool)
    verification = Verification(
      model: model, adapter: loaded, evaluator: Evaluator(model: model, pool: pool), tolerance: tolerance,
      demandsExactness: exact)
  }

  /// - Parameter golden: nil: the generated prompts.
  func result(golden: String?) throws -> VerificationResult {
    let size = verification.model.vocabularySize
    return try verification.run(
      prompts: NamedPrompt.standard(
        invocation: verification.adapter.invocationTokens, vocabularySize: size),
      golden: golden.map { try GoldenFile(path: $0, vocabularySize: size) })
  }
}

extension VerificationResult {
  var failedProofs: [Verdict.Proof] { verdicts.filter { !$0.passed }.map(\.proof) }
  var failures: [Verdict.Failure] { verdicts.flatMap(\.failures) }
  /// Of golden rows that don't match.
  var causes: [Cause] { failures.compactMap(\.cause) }

  func figures(_ proof: Verdict.Proof) -> ProofFigures? { verdicts.first { $0.proof == proof }?.figures }
}

/// The rows of one case of a golden file, to be changed and written again.
struct GoldenCase {
  var tokens: [Int]
  var positions: [Int]?
  var start: Int?
  var base: [[Float]]?
  var adapted: [[Float]]?
  var tolerance: Float?

  init(_ path: String, _ index: Int = 0) throws {
    let file = try NPZFile(path: path)
    tokens = try file.integers(named: "tokens_\(index)")
    func rows(_ name: String) throws -> [[Float]]? {
      guard file["\(name)_\(index)"] != nil else { return nil }
      let values = try file.floats(named: "\(name)_\(index)")
      let width = try #require(try file.array(named: "\(name)_\(index)").shape.dimensions.last)
      return stride(from: 0, to: values.count, by: width).map { Array(values[$0..<($0 + width)]) }
    }
    base = try rows("base_logits")
    adapted = try rows("adapted_logits")
    if file["positions_\(index)"] != nil { positions = try file.integers(named: "positions_\(index)") }
    if file["activation_start_\(index)"] != nil { start = try file.integer(named: "activation_start_\(index)") }
  }

  init(longestOf path: String) throws {
    let file = try NPZFile(path: path)
    let names = (0...).lazy.map { "tokens_\($0)" }.prefix { file[$0] != nil }
    let lengths = try names.map { try file.integers(named: $0).count }
    let longest = lengths.indices.max { lengths[$0] < lengths[$1] }
    self = try GoldenCase(path, #require(longest))
  }

  /// Keeps the rows at some positions only.
  func at(_ kept: [Int]) -> GoldenCase {
    var result = self
    result.positions = kept
    result.base = base.map { rows in kept.map { rows[$0] } }
    result.adapted = adapted.map { rows in kept.map { rows[$0] } }
    return result
  }

  /// The same change of every row.
  func changingRows(_ change: ([Float]) -> [Float]) -> GoldenCase {
    var result = self
    result.base = base?.map(change)
    result.adapted = adapted?.map(change)
    return result
  }

  func write(_ path: String) throws { try Self.write([self], path) }

  static func write(_ cases: [GoldenCase], _ path: String) throws {
    let writer = try NPZWriter(path: path, replacesExisting: true, compression: .stored)
    for (index, item) in cases.enumerated() {
      try writer.add("tokens_\(index)", integers: item.tokens, shape: #require(Shape([item.tokens.count])))
      if let positions = item.positions {
        try writer.add("positions_\(index)", integers: positions, shape: #require(Shape([positions.count])))
      }
      if let tolerance = item.tolerance {
        try writer.add("tolerance_\(index)", floats: [tolerance], shape: #require(Shape([1])))
      }
      if let start = item.start { try writer.add("activation_start_\(index)", integer: start) }
      for (name, rows) in [("base", item.base), ("adapted", item.adapted)] {
        guard let rows else { continue }
        try writer.add(
          "\(name)_logits_\(index)", floats: Array(rows.joined()),
          shape: #require(Shape([rows.count, rows.first?.count ?? 0])))
      }
    }
    try writer.finish()
  }
}
