internal import AloraInference

extension Diagnosis {
  /// Tries other scalings.
  ///
  /// First the factors of known mistakes; then, from the best of them, by Gauss-Newton: each step goes to the point nearest
  /// to the golden rows on the line through the last two runs.
  mutating func scaling(_ prompt: GoldenPrompt) throws -> Hypothesis? {
    guard let start = prompt.start, let position = prompt.failing.first(where: { $0 >= start }) else { return nil }
    let rank = Double(max(1, adapter.largestRank))
    var usual = [0.5, 2, 0.25, 4, 0.125, 8, -1]
    if rank > 1 { usual += [rank.squareRoot(), 1 / rank.squareRoot(), rank, 1 / rank] }
    let misfits = try misfits(usual.map(hypothesis), prompt, at: position)
    let best = zip(usual, misfits).min { $0.1 < $1.1 }
    var before = (factor: 0.0, rows: prompt.baseRows)
    var latest = (factor: 1.0, rows: prompt.adaptedRows)
    if let best, best.1 < prompt.misfit(prompt.adaptedRows[position], at: position) {
      let rows = try rows(hypothesis(best.0), prompt)
      if prompt.tolerance.accepts(prompt.misfit(rows)) { return hypothesis(best.0) }
      before = (best.0 * 1.01, try self.rows(hypothesis(best.0 * 1.01), prompt))
      latest = (best.0, rows)
    }
    for _ in 0..<8 {
      let along = nearest(to: prompt.golden.adapted, from: latest.rows, toward: before.rows)
      let next = latest.factor + along * (before.factor - latest.factor)
      guard next.isFinite, abs(next) > 1e-3, abs(next) < 1e3, abs(next - latest.factor) > 1e-7 * abs(next) else {
        return nil
      }
      (before, latest) = (latest, (next, try rows(hypothesis(next), prompt)))
      if prompt.tolerance.accepts(prompt.misfit(latest.rows)) { return hypothesis(next) }
    }
    return nil
  }

  /// Tries factors that were truncated to BF16, which on average makes all of them smaller by the same part.
  mutating func truncation(_ prompt: GoldenPrompt) throws -> Hypothesis? {
    let variants = try AdapterVariants(of: adapter, model: verification.model)
    guard let centred = try variants.adapter(with: .truncated, of: variants.modules) else { return nil }
    let hypothesis = Hypothesis(mistake: .factors(.truncated, .all), adapter: centred)
    return try fits(hypothesis, prompt) ? hypothesis : nil
  }

  private func hypothesis(_ factor: Double) -> Hypothesis {
    Hypothesis(
      mistake: .scaling(ScalingMistake(factor: factor, largestRank: adapter.largestRank)),
      adapter: adapter.scaled(by: Float(factor)))
  }

  /// The place on the line from `from` (0) to `toward` (1) that is nearest to `target`, over all rows.
  private func nearest(to target: [Int: [Float]], from: [Int: [Float]], toward: [Int: [Float]]) -> Double {
    var (along, length) = (0.0, 0.0)
    for position in target.keys.sorted() {
      guard let wanted = target[position], let origin = from[position], let end = toward[position] else { continue }
      for (index, start) in origin.enumerated() {
        let direction = Double(end[index]) - Double(start)
        along += (Double(wanted[index]) - Double(start)) * direction
        length += direction * direction
      }
    }
    return length == 0 ? .nan : along / length
  }
}
