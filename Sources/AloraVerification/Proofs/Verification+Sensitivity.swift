internal import AloraInference

extension Verification {
  /// How far each known mistake would move rows, relative to their largest logit: the largest of all rows, 0 if none would
  /// move.
  ///
  /// - Parameter positions: of the rows that are compared, rising; may be empty.
  /// - Throws: ``InferenceError``, ``FileError``.
  func sensitivities(
    _ tokens: [Int], _ start: Int?, _ positions: [Int], _ base: Run, _ adapted: Run
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
    for (first, variants) in variants(start, tokens.count) {
      for variant in variants { effects[variant.mistake] = 0 }
      // Before the first of them that is adapted, all rows are the base's.
      let wanted = telling.filter { $0 >= first }
      guard let position = wanted.first else { continue }
      let sequences = try variants.map {
        try TokenSequence(
          continuing: base.sequence, count: min(first, position), adapter: $0.adapter, activationStart: $0.start)
      }
      try finish(sequences, tokens, at: wanted) { index, logits in
        for position in logits.positions { compare(variants[index].mistake, position, Array(logits[position])) }
      }
    }
    return effects
  }

  private typealias Variant = (mistake: Mistake, adapter: Adapter, start: Int)

  /// The provable mistakes except an adapter that is off, by the first position that they may change.
  private func variants(_ start: Int, _ count: Int) -> [(first: Int, variants: [Variant])] {
    var near: [Variant] = []
    if let unscaled = adapter.unscaled() { near.append((.scalingLeftOut, unscaled, start)) }
    guard adapter.isActivated else { return [(start, near)] }
    if start + 1 < count { near.append((.activationShifted(1), adapter, start + 1)) }
    if start > 0 { near.append((.activationShifted(-1), adapter, start - 1)) }
    let far: [Variant] = start > 1 ? [(.activeFromFirstToken, adapter, 0)] : []
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
