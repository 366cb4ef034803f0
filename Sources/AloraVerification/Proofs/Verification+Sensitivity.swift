internal import AloraAdapters
internal import AloraInference

extension Verification {
  /// How far each known mistake would move rows, relative to their largest logit: the largest of all rows that were tried, 0 if
  /// none would move. A mistake isn't tried on more rows than it takes to show it.
  ///
  /// - Parameters:
  ///   - positions: of the rows that are compared, rising; may be empty.
  ///   - tolerance: what counts as equal.
  ///   - triesFirstToken: whether an adapter that is active from the first token is among the mistakes.
  /// - Throws: ``InferenceError``, ``FileError``.
  func sensitivities(
    _ tokens: [Int], _ start: Int?, _ positions: [Int], _ base: Run, _ adapted: Run, _ tolerance: Tolerance,
    triesFirstToken: Bool
  ) throws -> [Mistake: Double] {
    guard let start, start < tokens.count, !positions.isEmpty else { return [:] }
    var effects: [Mistake: Double] = [:]
    func compare(_ mistake: Mistake, _ position: Int, _ found: [Float]?) {
      guard let found, let truth = adapted.rows[position] else { return }
      effects[mistake] = max(effects[mistake] ?? 0, RowComparison.relative(expected: truth, found: found))
    }
    effects[.adapterOff] = 0
    for position in positions { compare(.adapterOff, position, base.rows[position]) }

    let telling = Self.telling(positions, start)
    for (first, variants) in variants(start, tokens.count, triesFirstToken: triesFirstToken) {
      for variant in variants { effects[variant.mistake] = 0 }
      // Before the first of them that is adapted, all rows are the base's.
      let wanted = telling.filter { $0 >= first }
      guard let position = wanted.first else { continue }
      var open = try variants.map {
        let sequence = try TokenSequence(
          continuing: base.sequence, count: min(first, position), adapter: $0.adapter, activationStart: $0.start)
        return (mistake: $0.mistake, sequence: sequence)
      }
      for position in wanted where !open.isEmpty {
        try finish(open.map(\.sequence), tokens, at: [position]) { index, logits in
          compare(open[index].mistake, position, Array(logits[position]))
        }
        open.removeAll { !tolerance.accepts(effects[$0.mistake] ?? 0) }
      }
    }
    return effects
  }

  private typealias Variant = (mistake: Mistake, adapter: Adapter, start: Int)

  /// The provable mistakes except an adapter that is off, by the first position that they may change.
  private func variants(
    _ start: Int, _ count: Int, triesFirstToken: Bool
  ) -> [(first: Int, variants: [Variant])] {
    var near: [Variant] = []
    if let unscaled = adapter.unscaled() { near.append((.scalingLeftOut, unscaled, start)) }
    guard adapter.isActivated else { return [(start, near)] }
    if start + 1 < count { near.append((.activationShifted(1), adapter, start + 1)) }
    if start > 0 { near.append((.activationShifted(-1), adapter, start - 1)) }
    let far: [Variant] = start > 1 && triesFirstToken ? [(.activeFromFirstToken, adapter, 0)] : []
    return [(max(0, start - 1), near), (0, far)].filter { !$0.1.isEmpty }
  }

  /// The few of the compared rows that show a wrong activation best: the first, the last, and those on either side of the
  /// activation.
  private static func telling(_ positions: [Int], _ start: Int) -> [Int] {
    let candidates = [
      positions.first, positions.last { $0 < start }, positions.first { $0 >= start }, positions.last,
    ]
    return Set(candidates.compactMap { $0 }).sorted()
  }
}

// MARK: - An adapter that is active from the first token

/// Of all mistakes, only this one needs the whole prompt again. So one prompt tries it, and others only if that one doesn't
/// show it.
extension Verification {
  /// The prompts that can show it, the shortest first.
  func firstTokenCandidates(_ prompts: [NamedPrompt], _ golden: GoldenFile?) -> [Int] {
    guard adapter.isActivated else { return [] }
    let able = prompts.indices.filter { index in
      let tokens = prompts[index].tokens
      let start = adapter.activationStart(in: tokens) ?? 0
      return start > 1 && start < tokens.count && tokens.count <= evaluator.positionLimit
        && !comparedPositions(tokens, golden?.cases[index]).isEmpty
    }
    return able.sorted { (prompts[$0].tokens.count, $0) < (prompts[$1].tokens.count, $1) }
  }

  /// The positions whose adapted rows are compared, rising: the golden's, or the last.
  func comparedPositions(_ tokens: [Int], _ golden: GoldenFile.Case?) -> [Int] {
    golden.map { $0.hasAdapted ? $0.positions : [] } ?? [tokens.count - 1]
  }

  /// Tries the mistake with one prompt.
  ///
  /// - Throws: ``InferenceError``, ``FileError``.
  func tryFirstToken(_ prompt: NamedPrompt, _ golden: GoldenFile.Case?, _ findings: inout Findings) throws {
    let tokens = prompt.tokens
    guard let start = adapter.activationStart(in: tokens) else { return }
    let sequences = [start, 0].map {
      TokenSequence(model: model, adapter: adapter, activationStart: $0, declaredLength: tokens.count)
    }
    var rows: [[Int: [Float]]] = [[:], [:]]
    let telling = Self.telling(comparedPositions(tokens, golden), start)
    try finish(sequences, tokens, at: telling) { index, logits in
      for position in logits.positions { rows[index][position] = Array(logits[position]) }
    }
    let effect = telling.map { RowComparison.relative(expected: rows[0][$0], found: rows[1][$0]) }.max() ?? 0
    findings.note(.activeFromFirstToken, effect: effect, tolerance: tolerance(of: golden))
  }

  /// What counts as equal in one prompt.
  func tolerance(of golden: GoldenFile.Case?) -> Tolerance { tolerance ?? golden?.tolerance ?? .standard }
}

extension Findings {
  /// How far a mistake would move the rows that are compared.
  mutating func note(_ mistake: Mistake, effect: Double, tolerance: Tolerance) {
    effects[mistake] = max(effects[mistake] ?? 0, effect)
    if !tolerance.accepts(effect) { shown.insert(mistake) }
  }
}
