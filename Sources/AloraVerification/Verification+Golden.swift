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

  var all: [RowComparison] { [base, adapted].flatMap(\.values) }

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
  /// - Parameter start: the first adapted position; nil where the adapter is off.
  mutating func take(_ comparisons: GoldenComparisons, start: Int?) {
    activeGoldenRows += comparisons.adapted.keys.count { position in start.map { position >= $0 } ?? false }
    for row in comparisons.all {
      worstGolden = max(worstGolden, row.relative)
      greatestDivergence = max(greatestDivergence, row.divergence)
      goldenRows += 1
      sameTop += row.isSameTop ? 1 : 0
    }
  }
}

extension Verification {
  /// Proof 4, against goldens: base and adapted rows beyond the tolerance, and what explains them.
  ///
  /// - Throws: ``InferenceError``, ``FileError``.
  func explain(
    _ prompt: GoldenPrompt, goldenBase: [Int: [Float]], _ comparisons: GoldenComparisons,
    _ diagnosis: inout Diagnosis
  ) throws -> [(text: String, cause: String)] {
    var failures: [(text: String, cause: String)] = []
    var isBaseAnother = false
    if let text = failure("base", prompt, comparisons.base) {
      let isAdapted = goldenBase.allSatisfy { position, row in
        (prompt.adaptedRows[position].map { RowComparison(expected: row, found: $0).relative } ?? .infinity)
          <= prompt.tolerance
      }
      isBaseAnother = !isAdapted
      let cause =
        isAdapted
        ? "it fits: the adapter was on"
        : Diagnosis.rowCause(golden: goldenBase, computed: prompt.baseRows, tolerance: prompt.tolerance)
          ?? diagnosis.baseCause(golden: goldenBase, computed: prompt.baseRows)
      failures.append((text, cause))
    }
    if let text = failure("adapted", prompt, comparisons.adapted) {
      let rowCause = Diagnosis.rowCause(
        golden: prompt.golden, computed: prompt.adaptedRows, tolerance: prompt.tolerance)
      let cause =
        try rowCause
        ?? (isBaseAnother
          ? "the base's rows differ already, so the adapter cannot be judged" : diagnosis.cause(prompt))
      failures.append((text, cause))
    }
    return failures
  }

  /// The row that is farthest from the golden one, and how many are too far; nil where none is.
  private func failure(
    _ kind: String, _ prompt: GoldenPrompt, _ comparisons: [Int: RowComparison]
  ) -> String? {
    let rows = comparisons.sorted { $0.key < $1.key }
    let failing = rows.filter { !($0.value.relative <= prompt.tolerance) }
    guard let first = failing.first?.key,
      let (position, row) = failing.max(by: { $0.value.relative < $1.value.relative })
    else { return nil }
    return "\(kind) logits at position \(position)\(excerpt(prompt.tokens, upTo: position)), "
      + "token \(row.token)\(spelling(row.token)): golden \(row.expected), here \(row.found), "
      + "|Δ| \(Figure(row.largestDelta)), \(Figure(row.relative)) of the row's magnitude, "
      + "divergence \(Figure(row.divergence)) nats; "
      + "\(failing.count) of \(rows.count) rows fail, the first at position \(first)"
  }

  private func spelling(_ token: Int) -> String {
    piece?(token).map { " \"\($0)\"" } ?? ""
  }

  /// The last pieces of the prompt, up to a position.
  private func excerpt(_ tokens: [Int], upTo position: Int) -> String {
    guard let piece else { return "" }
    let first = max(0, position - 7)
    let text = tokens[first...position].map { piece($0) ?? "\u{FFFD}" }.joined()
    return " \"\(first > 0 ? "…" : "")\(text)\""
  }
}
