internal import AloraInference

extension Verification {
  /// How far rows would be from what other engines and known mistakes compute, as a part of their magnitude: the greatest
  /// for each mistake, 0 where none of the rows would be another.
  ///
  /// - Parameter positions: of the rows that the adapter is held against, rising; empty where there are none.
  /// - Throws: ``InferenceError``, ``FileError``.
  func sensitivities(
    _ tokens: [Int], _ start: Int?, _ positions: [Int], _ base: Run, _ adapted: Run
  ) throws -> [String: Double] {
    guard let start, start < tokens.count, !positions.isEmpty else { return [:] }
    var effects: [String: Double] = [:]
    func compare(_ name: String, _ position: Int, _ found: [Float]?) {
      guard let found, let truth = adapted.rows[position] else { return }
      effects[name] = max(effects[name] ?? 0, RowComparison(expected: truth, found: found).relative)
    }
    effects["adapter off"] = 0
    for position in positions { compare("adapter off", position, base.rows[position]) }

    let telling = Self.telling(positions, start)
    for (first, mistakes) in mistakes(start, tokens.count) {
      for mistake in mistakes { effects[mistake.name] = 0 }
      // Before the first of them that is adapted, all rows are the base's.
      let wanted = telling.filter { $0 >= first }
      guard let position = wanted.first else { continue }
      let sequences = try mistakes.map {
        try TokenSequence(
          continuing: base.sequence, count: min(first, position), adapter: $0.adapter, activationStart: $0.start)
      }
      try finish(sequences, tokens, at: wanted) { index, logits in
        for position in logits.positions { compare(mistakes[index].name, position, Array(logits[position])) }
      }
    }
    return effects
  }

  private typealias Mistake = (name: String, adapter: Adapter, start: Int)

  /// What is known to go wrong but for an adapter that is off, by the first position that it may change.
  private func mistakes(_ start: Int, _ count: Int) -> [(first: Int, mistakes: [Mistake])] {
    var near: [Mistake] = []
    if let unscaled = adapter.unscaled() { near.append(("scaling left out", unscaled, start)) }
    guard adapter.isActivated else { return [(start, near)] }
    if start + 1 < count { near.append(("activation one token late", adapter, start + 1)) }
    if start > 0 { near.append(("activation one token early", adapter, start - 1)) }
    let far: [Mistake] = start > 1 ? [("adapted from the first token", adapter, 0)] : []
    return [(max(0, start - 1), near), (0, far)].filter { !$0.1.isEmpty }
  }

  /// Of the rows that are held against goldens, a few that show a wrong activation best: the first and the last, and those
  /// on either side of the activation.
  private static func telling(_ positions: [Int], _ start: Int) -> [Int] {
    let candidates = [
      positions.first, positions.last { $0 < start }, positions.first { $0 >= start }, positions.last,
    ]
    return Set(candidates.compactMap { $0 }).sorted()
  }
}
