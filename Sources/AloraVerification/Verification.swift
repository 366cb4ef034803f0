internal import AloraArchitectures
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

  /// - Parameter progress: called with the number of prompts done.
  /// - Throws: ``InferenceError``, ``NPZError``, ``FileError``: what cannot be run at all.
  public func run(
    prompts: [VerificationPrompt], golden: GoldenFile?, progress: (Int) -> Void = { _ in }
  ) throws -> VerificationResult {
    var findings = Findings(diagnosis: Diagnosis(self))
    checkStructure(golden, &findings)
    findings.exactness = try golden.map(exactness)
    let cases = golden?.cases.map { VerificationPrompt(name: "case \($0.index)", tokens: $0.tokens) } ?? prompts
    var reports: [CaseReport] = []
    for (index, prompt) in cases.enumerated() {
      reports.append(try verify(prompt, golden.map { ($0, $0.cases[index]) }, &findings))
      progress(index + 1)
    }
    return VerificationResult(
      verdicts: verdicts(findings, hasGolden: golden != nil, promptCount: cases.count), cases: reports)
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

  private func verify(
    _ prompt: VerificationPrompt, _ golden: (file: GoldenFile, item: GoldenFile.Case)?, _ findings: inout Findings
  ) throws -> CaseReport {
    let tokens = prompt.tokens
    let start = ActivationRule.peft.start(in: tokens, invocation: adapter.invocationTokens)
    let last = tokens.count - 1
    let kept = Set(golden?.item.positions ?? []).union([last])
    let (base, adapted, effects) = try runs(tokens, start: start, keeping: kept)
    compareBefore(start ?? tokens.count, prompt, base, adapted, &findings)
    try reuse(prompt, start, base, adapted, &findings)
    if let start, start <= last {
      findings.activatedCount += 1
      if let one = base.rows[last], let other = adapted.rows[last] {
        findings.effect = max(findings.effect, RowComparison(expected: one, found: other).relative)
      }
    }
    let tolerance = self.tolerance ?? golden?.item.tolerance ?? Self.defaultTolerance
    for (name, effect) in try sensitivities(tokens, start, base, adapted) {
      findings.sensitivity[name, default: 0] = max(findings.sensitivity[name] ?? 0, effect)
      if effect > tolerance { findings.shown.insert(name) }
    }
    let rows = try golden.map { try GoldenRows($0.file, $0.item) }
    let comparisons = GoldenComparisons(rows, base: base.rows, adapted: adapted.rows)
    if let golden, let rows {
      let goldenPrompt = GoldenPrompt(
        tokens: tokens, start: start, statedStart: golden.item.activationStart, base: base, baseRows: base.rows,
        adaptedRows: adapted.rows, golden: rows.adapted, tolerance: tolerance)
      let failures = try explain(
        goldenPrompt, goldenBase: rows.base, comparisons, &findings.diagnosis)
      for failure in failures { findings.fail(.afterActivation, of: prompt.name, failure) }
      findings.take(comparisons)
      if findings.exactness == .comparable, let record = golden.file.record {
        compareBits(prompt.name, record.cases[golden.item.index], rows, base, adapted, &findings)
      }
    }
    return CaseReport(
      name: prompt.name, tokens: tokens, pieces: piece.map { tokens.map($0) }, activationStart: start,
      tolerance: golden == nil ? nil : tolerance,
      positions: tokens.indices.map {
        PositionReport(
          position: $0, effect: effects[$0], base: comparisons.base[$0], adapted: comparisons.adapted[$0])
      },
      tops: kept.sorted().map { position in
        TopTokens(
          position: position, base: TopTokens.entries(of: base.rows[position] ?? []),
          adapted: TopTokens.entries(of: adapted.rows[position] ?? []),
          golden: rows?.adapted[position].map(TopTokens.entries))
      }, provenance: adapted.sequence.provenance, digests: CaseDigests(base, adapted))
  }

  /// How far the last row would be from what other engines and known mistakes compute, as a part of its magnitude.
  private func sensitivities(_ tokens: [Int], _ start: Int?, _ base: Run, _ adapted: Run) throws -> [String: Double] {
    let last = tokens.count - 1
    guard let start, adapter.isActivated, start < tokens.count, let truth = adapted.rows[last] else { return [:] }
    var others: [(String, Int?)] = [("adapter off", nil)]
    if start + 1 < tokens.count { others.append(("activation one token late", start + 1)) }
    if start > 0 { others.append(("activation one token early", start - 1)) }
    if start > 1 { others.append(("adapted from the first token", 0)) }
    return try others.reduce(into: [:]) { result, other in
      let rows = try rows(tokens, start: other.1, at: [last], continuing: base, adapter: adapter)
      result[other.0] = rows[last].map { RowComparison(expected: truth, found: $0).relative }
    }
  }
}
