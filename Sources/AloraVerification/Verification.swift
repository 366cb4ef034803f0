internal import AloraModels
public import AloraInference
internal import AloraNPZ

/// Proves what an adapter promises of a base (DESIGN.md, "What verify proves").
///
/// Every proof runs for every prompt; one that fails hides no other.
public struct Verification {
  let model: Model
  let adapter: Adapter
  let evaluator: Evaluator
  /// |Δ| against goldens, as a part of the row's greatest magnitude; nil: what the golden file says, or the default.
  let tolerance: Double?
  /// Ten times what float32 PEFT and this engine differ by on a 30-layer model (1e-5), and a hundredth of what the least
  /// of the known mistakes changes.
  public static let defaultTolerance = 1e-4
  /// Whether goldens whose bits cannot be compared are a failure.
  let demandsExactness: Bool
  static let window = 64
  let piece: (@Sendable (Int) -> String?)?

  /// - Parameters:
  ///   - tolerance: |Δ| against goldens, as a part of the row's greatest magnitude; nil: what they say, or the default.
  ///   - demandsExactness: whether goldens whose bits cannot be compared are a failure.
  ///   - piece: how the model's vocabulary spells a token; nil where there is none at hand.
  public init(
    model: Model, adapter: Adapter, evaluator: Evaluator, tolerance: Double? = nil, demandsExactness: Bool = false,
    piece: (@Sendable (Int) -> String?)? = nil
  ) {
    self.model = model
    self.adapter = adapter
    self.evaluator = evaluator
    self.tolerance = tolerance
    self.demandsExactness = demandsExactness
    self.piece = piece
  }

  /// - Parameters:
  ///   - jobCount: how many prompts are verified side by side, each with a share of the evaluator's threads. What is found
  ///     does not depend on it.
  ///   - progress: called with how much is done, and of how much; from one thread at a time.
  /// - Throws: ``FileError``, ``NPZError``: what cannot be run at all. What is wrong with one prompt is its failure.
  public func run(
    prompts: [VerificationPrompt], golden: GoldenFile?, jobCount: Int = 1,
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws -> VerificationResult {
    var findings = Findings()
    checkStructure(golden, &findings)
    let exactness = try golden.map(exactness)
    let cases = golden?.cases.map { VerificationPrompt(name: "case \($0.index)", tokens: $0.tokens) } ?? prompts
    let meter = ProgressMeter(total: cases.reduce(0) { $0 + 2 * $1.tokens.count }, progress)
    var diagnosis = Diagnosis(self)
    var reports: [CaseReport] = []
    try forEachInOrder(cases.count, jobCount: jobCount) { index, evaluator in
      try Verification(self, evaluator: evaluator)
        .examine(cases[index], golden.map { ($0, $0.cases[index]) }, exactness, meter)
    } then: { examination in
      try settle(examination, &findings, &diagnosis)
      reports.append(examination.report)
    }
    return VerificationResult(
      verdicts: verdicts(findings, exactness, promptCount: cases.count), cases: reports)
  }

  /// The same with another evaluator of the same model.
  private init(_ other: Verification, evaluator: Evaluator) {
    self.init(
      model: other.model, adapter: other.adapter, evaluator: evaluator, tolerance: other.tolerance,
      demandsExactness: other.demandsExactness, piece: other.piece)
  }

  private func checkStructure(_ golden: GoldenFile?, _ findings: inout Findings) {
    for token in adapter.invocationTokens ?? [] where !(0..<model.vocabularySize).contains(token) {
      findings.fail(.structure, "invocation token \(token) is no token of the base, which has \(model.vocabularySize)")
    }
    for item in golden?.cases ?? [] {
      let start = ActivationRule.peft.start(in: item.tokens, invocation: adapter.invocationTokens) ?? -1
      if let expected = item.activationStart, expected != start {
        findings.fail(
          .structure, of: "case \(item.index)",
          "the golden was made with activation start \(expected), the adapter's tokens give \(start)"
        )
      }
    }
  }
}
