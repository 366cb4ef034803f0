internal import AloraInference
internal import AloraNPZ

/// The golden rows of one case, by position.
struct GoldenRows {
  let base: [Int: [Float]]
  let adapted: [Int: [Float]]

  /// - Throws: ``NPZError``, ``FileError``.
  init(_ golden: GoldenFile, _ item: GoldenFile.Case) throws {
    func rows(_ name: String) throws -> [Int: [Float]] {
      let reader = try NPZRowReader(golden.file, named: name)
      var rows: [Int: [Float]] = [:]
      for position in item.positions { rows[position] = try reader.next() }
      while try reader.next() != nil {}
      return rows
    }
    base = item.hasBase ? try rows("base_logits_\(item.index)") : [:]
    adapted = item.hasAdapted ? try rows("adapted_logits_\(item.index)") : [:]
  }
}

/// How far what was computed is from the golden rows, by position.
struct GoldenComparisons {
  let base: [Int: RowComparison]
  let adapted: [Int: RowComparison]

  init(_ golden: GoldenRows?, base: [Int: [Float]], adapted: [Int: [Float]]) {
    func compare(_ golden: [Int: [Float]]?, _ rows: [Int: [Float]]) -> [Int: RowComparison] {
      (golden ?? [:]).reduce(into: [:]) { result, row in
        result[row.key] = rows[row.key].map { RowComparison(expected: row.value, found: $0) }
      }
    }
    self.base = compare(golden?.base, base)
    self.adapted = compare(golden?.adapted, adapted)
  }
}

extension Findings {
  mutating func take(_ comparisons: GoldenComparisons) {
    for row in [comparisons.base, comparisons.adapted].flatMap(\.values) {
      worstGolden = max(worstGolden, row.relative)
      greatestDivergence = max(greatestDivergence, row.divergence)
      goldenRows += 1
      sameTop += row.isSameTop ? 1 : 0
    }
  }
}

extension Verification {
  /// Whether the rows are within the tolerance of golden ones.
  func fits(_ rows: [Int: [Float]], _ golden: [Int: [Float]]) -> Bool {
    !golden.isEmpty
      && golden.allSatisfy { position, expected in
        rows[position].map { RowComparison(expected: expected, found: $0).relative <= tolerance } ?? false
      }
  }

  /// Proof 4, against goldens: base and adapted rows beyond the tolerance, and what explains them.
  func explain(
    _ item: GoldenFile.Case, _ golden: GoldenRows, _ comparisons: GoldenComparisons,
    hypotheses: [(name: String, rows: [Int: [Float]])], otherCause: ([Int: [Float]]) throws -> String?
  ) throws -> [String] {
    var failures: [String] = []
    for (kind, rows) in [("base", comparisons.base), ("adapted", comparisons.adapted)] {
      let most = rows.sorted { $0.key < $1.key }.max { $0.value.relative < $1.value.relative }
      guard let (position, row) = most, !(row.relative <= tolerance) else { continue }
      let cause =
        kind == "base"
        ? "another base, or another quantization of it"
        : try hypotheses.first { fits($0.rows, golden.adapted) }
          .map { "it fits: \($0.name)" } ?? otherCause(golden.adapted)
          ?? "no activation and no scaling that was tried fits: another adapter, or another order of its rows"
      failures.append(
        "\(kind) logits at position \(position), token \(row.token): golden "
          + "\(row.expected), here \(row.found), |Δ| \(Figure(row.largestDelta)); \(cause)")
    }
    return failures
  }
}
