internal import AloraAdapters
internal import AloraInference
internal import AloraNPZ

/// The findings for one prompt, without causes. Causes are searched for in the order of the prompts, because one that explains
/// a prompt is tried first for the next.
struct Examination {
  var findings = Findings()
  let index: Int
  let report: CaseReport
  /// Nil if all golden rows match.
  var missed: MissedGolden?
}

/// Golden rows that don't match, with what it takes to find the cause.
struct MissedGolden {
  let prompt: GoldenPrompt
  let comparisons: GoldenComparisons
}

extension Verification {
  /// Proofs 2 to 5 for one prompt.
  ///
  /// - Parameter triesFirstToken: see ``firstTokenCandidates(_:_:)``.
  /// - Throws: ``InferenceError``, ``FileError``.
  func examine(
    _ prompt: IndexedPrompt, _ golden: (file: GoldenFile, item: GoldenFile.Case)?, _ exactness: Exactness?,
    triesFirstToken: Bool, _ meter: ProgressMeter
  ) throws -> Examination {
    let tokens = prompt.tokens
    let start = adapter.activationStart(in: tokens)
    let last = tokens.count - 1
    guard tokens.count <= evaluator.positionLimit else {
      meter.add(2 * tokens.count)
      return tooLong(prompt, start: start)
    }
    var findings = Findings()
    let kept = Set(golden?.item.positions ?? []).union([last])
    let (base, adapted, changes) = try runs(tokens, start: start, keeping: kept, meter)
    compareBefore(start ?? tokens.count, prompt, base, adapted, &findings)
    try reuse(prompt, start, base, adapted, &findings)
    if let start, start <= last {
      findings.activatedCount += 1
      findings.largestEffect = max(
        findings.largestEffect, RowComparison.relative(expected: base.rows[last], found: adapted.rows[last]))
    }
    let tolerance = tolerance(of: golden?.item)
    let effects = try sensitivities(
      tokens, start, comparedPositions(tokens, golden?.item), base, adapted, tolerance, triesFirstToken: triesFirstToken
    )
    for (mistake, effect) in effects { findings.note(mistake, effect: effect, tolerance: tolerance) }
    let rows = try golden.flatMap { try readRows($0.file, $0.item, prompt, &findings) }
    let comparisons = GoldenComparisons(rows, base: base.rows, adapted: adapted.rows)
    var missed: MissedGolden?
    if let golden, let rows {
      findings.add(comparisons, start: start)
      if exactness == .comparable, let record = golden.file.record {
        compareBits(prompt.index, record.cases[golden.item.index], rows, base, adapted, &findings)
      }
      if comparisons.all.contains(where: { !tolerance.accepts($0) }) {
        missed = MissedGolden(
          prompt: GoldenPrompt(
            tokens: tokens, start: start, statedStart: golden.item.activationStart, base: base, baseRows: base.rows,
            adaptedRows: adapted.rows, golden: rows, tolerance: tolerance),
          comparisons: comparisons)
      }
    }
    meter.add(tokens.count)
    let report = CaseReport(
      name: prompt.name, tokens: tokens, activationStart: start,
      tolerance: golden == nil ? nil : tolerance,
      positions: tokens.indices.map {
        PositionReport(
          position: $0, effect: changes[$0], base: comparisons.base[$0], adapted: comparisons.adapted[$0])
      },
      tops: kept.sorted().map { position in
        TopTokens(
          position: position, base: TopTokens.entries(of: base.rows[position] ?? []),
          adapted: TopTokens.entries(of: adapted.rows[position] ?? []),
          golden: rows?.adapted[position].map(TopTokens.entries))
      }, provenance: adapted.sequence.provenance, digests: CaseDigests(base, adapted))
    return Examination(findings: findings, index: prompt.index, report: report, missed: missed)
  }

  /// Adds the findings of the next prompt, and searches for the cause if golden rows don't match.
  ///
  /// - Throws: ``InferenceError``, ``FileError``.
  func settle(_ examination: Examination, _ findings: inout Findings, _ diagnosis: inout Diagnosis) throws {
    if let missed = examination.missed {
      for (miss, cause) in try explain(missed.prompt, missed.comparisons, &diagnosis) {
        findings.fail(.afterActivation, .goldenMissed(miss), ofCase: examination.index, cause: cause)
      }
    }
    findings.merge(examination.findings)
  }

  /// A damaged member of an archive fails its own prompt only.
  private func readRows(
    _ file: GoldenFile, _ item: GoldenFile.Case, _ prompt: IndexedPrompt, _ findings: inout Findings
  ) throws -> GoldenRows? {
    do { return try GoldenRows(file, item) } catch let error as NPZError {
      findings.fail(.afterActivation, .goldenRowsUnreadable(error), ofCase: prompt.index)
      return nil
    }
  }

  private func tooLong(_ prompt: IndexedPrompt, start: Int?) -> Examination {
    let report = CaseReport(
      name: prompt.name, tokens: prompt.tokens, activationStart: start, tolerance: nil, positions: [], tops: [],
      provenance: [])
    var findings = Findings()
    findings.fail(
      .structure, .promptTooLong(tokenCount: prompt.tokens.count, limit: evaluator.positionLimit),
      ofCase: prompt.index)
    return Examination(findings: findings, index: prompt.index, report: report)
  }
}
