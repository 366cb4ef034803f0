internal import AloraAdapters
internal import AloraModels
package import AloraInference
internal import AloraNPZ

/// Proves what an adapter promises about a base (docs/verify.md).
///
/// Every proof runs for every prompt, even if one fails.
package struct Verification {
  let model: Model
  let adapter: Adapter
  let evaluator: Evaluator
  /// Nil: the golden file's, or the default.
  let tolerance: Tolerance?
  /// Whether goldens whose bits can't be compared are a failure.
  let demandsExactness: Bool
  /// The most tokens whose logits are in memory at once.
  static let window = 64

  /// - Parameters:
  ///   - tolerance: relative to the row's largest logit; nil: the golden file's, or the default.
  ///   - demandsExactness: whether goldens whose bits can't be compared are a failure.
  package init(
    model: Model, adapter: Adapter, evaluator: Evaluator, tolerance: Double? = nil, demandsExactness: Bool = false
  ) {
    self.model = model
    self.adapter = adapter
    self.evaluator = evaluator
    self.tolerance = tolerance.map { Tolerance($0, source: .option) }
    self.demandsExactness = demandsExactness
  }

  /// - Parameters:
  ///   - prompts: for a run without goldens; nil: ``NamedPrompt/standard(invocation:vocabularySize:)``.
  ///   - jobCount: how many prompts are verified side by side, each with a share of the evaluator's threads. The result
  ///     doesn't depend on it.
  ///   - progress: called with the work done and the total; from one thread at a time.
  /// - Throws: ``FileError``, ``NPZError`` if nothing can be run. A fault of one prompt is its failure.
  package func run(
    prompts: [NamedPrompt]? = nil, golden: GoldenFile?, jobCount: Int = 1,
    progress: @escaping @Sendable (_ done: Int, _ total: Int) -> Void = { _, _ in }
  ) throws -> VerificationResult {
    var findings = Findings()
    checkStructure(golden, &findings)
    let exactness = try golden.map(exactness)
    let cases =
      golden?.prompts ?? prompts
      ?? NamedPrompt.standard(invocation: adapter.invocationTokens, vocabularySize: model.vocabularySize)
    let meter = ProgressMeter(total: cases.reduce(0) { $0 + 2 * $1.tokens.count }, progress)
    var diagnosis = Diagnosis(self)
    let candidates = firstTokenCandidates(cases, golden)
    var reports: [CaseReport] = []
    try forEachInOrder(cases.count, jobCount: jobCount) { index, evaluator in
      try Verification(self, evaluator: evaluator)
        .examine(
          IndexedPrompt(index, cases[index]), golden.map { ($0, $0.cases[index]) }, exactness,
          triesFirstToken: index == candidates.first, meter)
    } then: { examination in
      try settle(examination, &findings, &diagnosis)
      reports.append(examination.report)
    }
    for index in candidates.dropFirst() where !findings.shown.contains(.activeFromFirstToken) {
      try tryFirstToken(cases[index], golden?.cases[index], &findings)
    }
    return VerificationResult(
      verdicts: verdicts(findings, exactness, promptCount: cases.count), cases: reports)
  }

  /// The same with another evaluator of the same model.
  private init(_ other: Verification, evaluator: Evaluator) {
    model = other.model
    adapter = other.adapter
    self.evaluator = evaluator
    tolerance = other.tolerance
    demandsExactness = other.demandsExactness
  }

  private func checkStructure(_ golden: GoldenFile?, _ findings: inout Findings) {
    for token in adapter.invocationTokens ?? [] where !(0..<model.vocabularySize).contains(token) {
      findings.fail(
        .structure, .invocationTokenOutsideVocabulary(token: token, vocabularySize: model.vocabularySize))
    }
    for item in golden?.cases ?? [] {
      let start = adapter.activationStart(in: item.tokens)
      if let expected = item.activationStart, expected != start ?? -1 {
        findings.fail(
          .structure, .activationStartDisagrees(golden: expected < 0 ? nil : expected, adapter: start),
          ofCase: item.index)
      }
    }
  }
}

/// A prompt and its place among the cases of a report.
struct IndexedPrompt {
  let index: Int
  let name: String
  let tokens: [Int]

  init(_ index: Int, _ prompt: NamedPrompt) {
    self.index = index
    name = prompt.name
    tokens = prompt.tokens
  }
}
