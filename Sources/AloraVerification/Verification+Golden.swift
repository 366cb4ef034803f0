internal import AloraInference
internal import AloraNPZ

extension Verification {
  /// Proof 4, against goldens: base and adapted rows within the tolerance, and what explains them where they are not.
  private func misfit(_ rows: [Int: [Float]], _ golden: [Int: [Float]]) -> (position: Int, row: RowComparison)? {
    golden.keys.sorted().compactMap { position in
      rows[position].map { (position, RowComparison(expected: golden[position] ?? [], found: $0)) }
    }.max { $0.1.relative < $1.1.relative }
  }

  /// Whether the rows are within the tolerance of golden ones.
  func fits(_ rows: [Int: [Float]], _ golden: [Int: [Float]]) -> Bool {
    misfit(rows, golden).map { $0.row.relative <= tolerance } ?? false
  }

  private func rows(_ name: String, _ golden: GoldenFile, _ positions: [Int]) throws -> [Int: [Float]] {
    let reader = try NPZRowReader(golden.file, named: name)
    var rows: [Int: [Float]] = [:]
    for position in positions { rows[position] = try reader.next() }
    while try reader.next() != nil {}
    return rows
  }

  func compare(
    _ golden: GoldenFile, _ item: GoldenFile.Case, base: [Int: [Float]], adapted: [Int: [Float]],
    hypotheses: [(name: String, rows: [Int: [Float]])], otherCause: ([Int: [Float]]) throws -> String?
  ) throws -> (failures: [String], worst: Double, rowCount: Int, sameTop: Int) {
    var failures: [String] = []
    var (worst, rowCount, sameTop) = (0.0, 0, 0)
    for (kind, isThere, mine) in [("base", item.hasBase, base), ("adapted", item.hasAdapted, adapted)] where isThere {
      let expected = try rows("\(kind)_logits_\(item.index)", golden, item.positions)
      for (position, row) in expected {
        guard let found = mine[position] else { continue }
        let comparison = RowComparison(expected: row, found: found)
        worst = max(worst, comparison.relative)
        rowCount += 1
        sameTop += comparison.isSameTop ? 1 : 0
      }
      guard let most = misfit(mine, expected), !(most.row.relative <= tolerance) else { continue }
      let cause =
        kind == "base"
        ? "another base, or another quantization of it"
        : try hypotheses.first { fits($0.rows, expected) }
          .map { "it fits: \($0.name)" } ?? otherCause(expected)
          ?? "no activation and no scaling that was tried fits: another adapter, or another order of its rows"
      failures.append(
        "case \(item.index): \(kind) logits at position \(most.position), token \(most.row.token): golden "
          + "\(most.row.expected), here \(most.row.found), |Δ| \(most.row.largestDelta); \(cause)")
    }
    return (failures, worst, rowCount, sameTop)
  }
}
