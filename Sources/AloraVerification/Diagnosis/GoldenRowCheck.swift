internal import AloraInference

/// Looks for mistakes in golden rows themselves, whatever the adapter.
struct GoldenRowCheck {
  /// Rows by position, among them those that fail.
  let golden: [Int: [Float]]
  /// The computed rows at these positions and perhaps others.
  let computed: [Int: [Float]]
  let tolerance: Tolerance

  /// Nil if the rows look like logits of their positions.
  var mistake: GoldenMistake? {
    let failing = golden.keys.sorted().filter { !fits($0, computed[$0]) }
    guard let first = failing.first else { return nil }
    if let position = failing.first(where: { golden[$0]?.allSatisfy(\.isFinite) == false }) {
      return .notFinite(position: position)
    }
    let rows = failing.compactMap { golden[$0] }
    if rows.allSatisfy(Self.areLogProbabilities) { return .logProbabilities }
    if rows.allSatisfy(Self.areProbabilities) { return .probabilities }
    let offsets = failing.map { offset(at: $0) }
    if let amount = offsets.first?.map({ $0 }), offsets.allSatisfy({ $0 != nil }) {
      return .offset(position: first, amount: amount)
    }
    if let factor = commonFactor(failing) { return .multiplied(by: factor) }
    let other = computed.keys.sorted().first { $0 != first && fits(first, computed[$0]) }
    return other.map { .otherPosition(golden: first, computed: $0) }
  }

  private func fits(_ position: Int, _ row: [Float]?) -> Bool {
    tolerance.accepts(RowComparison.relative(expected: golden[position], found: row))
  }

  /// The exponentials of log-probabilities sum to 1. Rounding to bfloat16 moves the sum by a percent.
  static func areLogProbabilities(_ row: [Float]) -> Bool {
    row.count > 1 && row.allSatisfy { $0 <= 0 } && abs(logSumExp(row[...])) < 0.02
  }

  static func areProbabilities(_ row: [Float]) -> Bool {
    row.count > 1 && row.allSatisfy { $0 >= 0 && $0 <= 1 } && abs(row.reduce(0.0) { $0 + Double($1) } - 1) < 0.02
  }

  /// The constant by which the golden row exceeds the computed one, if it's far above the tolerance; nil if it isn't constant.
  private func offset(at position: Int) -> Double? {
    guard let golden = golden[position], let found = computed[position], golden.count > 1 else { return nil }
    let allowance = tolerance.limit * RowComparison.largestMagnitude(found)
    let differences = zip(golden, found).map { Double($0) - Double($1) }
    let (least, largest) = (differences.min() ?? 0, differences.max() ?? 0)
    // A row a little beyond the tolerance isn't an offset.
    return largest - least <= 2 * allowance && abs(least) > 20 * allowance ? (least + largest) / 2 : nil
  }

  /// The factor by which all failing rows differ from the computed ones, if nothing else differs.
  private func commonFactor(_ failing: [Int]) -> Double? {
    var (product, square) = (0.0, 0.0)
    for position in failing {
      for (wanted, found) in zip(golden[position] ?? [], computed[position] ?? []) {
        product += Double(wanted) * Double(found)
        square += Double(found) * Double(found)
      }
    }
    let factor = product / square
    guard factor.isFinite, factor > 0, abs(factor - 1) > 20 * tolerance.limit else { return nil }
    let explains = failing.allSatisfy { position in
      fits(position, computed[position]?.map { Float(Double($0) * factor) })
    }
    return explains ? factor : nil
  }
}
