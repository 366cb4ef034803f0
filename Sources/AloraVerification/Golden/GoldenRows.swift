internal import AloraNPZ
internal import AloraTensors

/// The golden rows of one case, by position.
struct GoldenRows {
  let base: [Int: [Float]]
  let adapted: [Int: [Float]]
  /// The type of the arrays, if they hold less precise numbers than float32.
  let storedFormat: GoldenMistake.PrecisionLoss.Format?

  /// - Throws: ``NPZError``, ``FileError``.
  init(_ golden: GoldenFile, _ item: GoldenFile.Case) throws {
    func rows(_ name: String) throws -> [Int: [Float]] {
      let reader = try NPZRowReader(golden.file, named: name)
      var rows: [Int: [Float]] = [:]
      for position in item.positions { rows[position] = try reader.next() }
      while try reader.next() != nil {}
      return rows
    }
    let names = (base: "base_logits_\(item.index)", adapted: "adapted_logits_\(item.index)")
    let isHalf = [names.base, names.adapted].contains { golden.file[$0]?.element == .number(.f16) }
    self.init(
      base: item.hasBase ? try rows(names.base) : [:], adapted: item.hasAdapted ? try rows(names.adapted) : [:],
      storedFormat: isHalf ? .float16 : nil)
  }

  init(base: [Int: [Float]], adapted: [Int: [Float]], storedFormat: GoldenMistake.PrecisionLoss.Format? = nil) {
    self.base = base
    self.adapted = adapted
    self.storedFormat = storedFormat
  }
}

/// How far the computed rows are from the golden ones, by position.
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
  /// - Parameter start: the first adapted position; nil if the adapter is off.
  mutating func add(_ comparisons: GoldenComparisons, start: Int?) {
    golden.activeRowCount += comparisons.adapted.keys.count { position in start.map { position >= $0 } ?? false }
    for row in comparisons.all {
      golden.largestDifference = max(golden.largestDifference, row.relative)
      golden.largestDivergence = max(golden.largestDivergence, row.divergence)
      golden.rowCount += 1
      golden.sameTopCount += row.isSameTop ? 1 : 0
    }
  }
}
