internal import AloraInference
internal import AloraNPZ

/// What was found for one prompt, but for the causes of what is wrong: those are looked for in the prompts' order, because one
/// that has explained a prompt is tried first for the next.
struct Examination {
  var findings = Findings()
  let name: String
  let report: CaseReport
  /// Nil where all golden rows are met.
  var missed: MissedGolden?
}

/// Golden rows that are not met, with what it takes to look for the cause.
struct MissedGolden {
  let prompt: GoldenPrompt
  let base: [Int: [Float]]
  let comparisons: GoldenComparisons
}

extension Verification {
  /// Proofs 2 to 5 for one prompt.
  ///
  /// - Throws: ``InferenceError``, ``FileError``.
  func examine(
    _ prompt: VerificationPrompt, _ golden: (file: GoldenFile, item: GoldenFile.Case)?, _ exactness: Exactness?,
    _ meter: ProgressMeter
  ) throws -> Examination {
    let tokens = prompt.tokens
    let start = ActivationRule.peft.start(in: tokens, invocation: adapter.invocationTokens)
    let last = tokens.count - 1
    guard tokens.count <= evaluator.positionLimit else {
      meter.add(2 * tokens.count)
      return tooLong(prompt, start: start)
    }
    var findings = Findings()
    let kept = Set(golden?.item.positions ?? []).union([last])
    let (base, adapted, effects) = try runs(tokens, start: start, keeping: kept, meter)
    compareBefore(start ?? tokens.count, prompt, base, adapted, &findings)
    try reuse(prompt, start, base, adapted, &findings)
    if let start, start <= last {
      findings.activatedCount += 1
      if let one = base.rows[last], let other = adapted.rows[last] {
        findings.effect = max(findings.effect, RowComparison(expected: one, found: other).relative)
      }
    }
    let tolerance = self.tolerance ?? golden?.item.tolerance ?? Self.defaultTolerance
    let held = golden.map { $0.item.hasAdapted ? $0.item.positions : [] } ?? [last]
    for (name, effect) in try sensitivities(tokens, start, held, base, adapted) {
      findings.sensitivity[name] = effect
      if effect > tolerance { findings.shown.insert(name) }
    }
    let rows = try golden.flatMap { try readRows($0.file, $0.item, prompt, &findings) }
    let comparisons = GoldenComparisons(rows, base: base.rows, adapted: adapted.rows)
    var missed: MissedGolden?
    if let golden, let rows {
      findings.take(comparisons, start: start)
      if exactness == .comparable, let record = golden.file.record {
        compareBits(prompt.name, record.cases[golden.item.index], rows, base, adapted, &findings)
      }
      if comparisons.all.contains(where: { !($0.relative <= tolerance) }) {
        missed = MissedGolden(
          prompt: GoldenPrompt(
            tokens: tokens, start: start, statedStart: golden.item.activationStart, base: base, baseRows: base.rows,
            adaptedRows: adapted.rows, golden: rows.adapted, tolerance: tolerance),
          base: rows.base, comparisons: comparisons)
      }
    }
    meter.add(tokens.count)
    let report = CaseReport(
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
    return Examination(findings: findings, name: prompt.name, report: report, missed: missed)
  }

  /// Takes up what was found for the next prompt, and looks for the cause where goldens are missed.
  ///
  /// - Throws: ``InferenceError``, ``FileError``.
  func settle(_ examination: Examination, _ findings: inout Findings, _ diagnosis: inout Diagnosis) throws {
    if let missed = examination.missed {
      for failure in try explain(missed.prompt, goldenBase: missed.base, missed.comparisons, &diagnosis) {
        findings.fail(.afterActivation, of: examination.name, failure.text, cause: failure.cause)
      }
    }
    findings.merge(examination.findings)
  }

  /// A damaged member of an archive is the failure of its prompt, and hides no other.
  private func readRows(
    _ file: GoldenFile, _ item: GoldenFile.Case, _ prompt: VerificationPrompt, _ findings: inout Findings
  ) throws -> GoldenRows? {
    do { return try GoldenRows(file, item) } catch let error as NPZError {
      findings.fail(.afterActivation, of: prompt.name, "its golden rows cannot be read: \(error)")
      return nil
    }
  }

  private func tooLong(_ prompt: VerificationPrompt, start: Int?) -> Examination {
    let report = CaseReport(
      name: prompt.name, tokens: prompt.tokens, pieces: nil, activationStart: start, tolerance: nil, positions: [],
      tops: [],
      provenance: [], digests: CaseDigests(base: [], adapted: [], baseCache: [], adaptedCache: []))
    var findings = Findings()
    findings.fail(
      .structure, of: prompt.name,
      "it has \(prompt.tokens.count) tokens, and the base can be computed for \(evaluator.positionLimit) at most")
    return Examination(findings: findings, name: prompt.name, report: report)
  }
}
