/// What may be wrong with golden rows themselves, whatever the adapter.
extension Diagnosis {
  /// Rows that are no logits, or stand at other positions.
  ///
  /// - Parameters:
  ///   - golden: rows by position, those that fail among them.
  ///   - computed: the rows that were found, at these positions and perhaps others.
  /// - Returns: nil where they look like logits of their positions.
  static func rowCause(golden: [Int: [Float]], computed: [Int: [Float]], tolerance: Double) -> String? {
    let failing = golden.keys.sorted().filter { !fits(golden[$0], computed[$0], tolerance) }
    guard let first = failing.first else { return nil }
    if let position = failing.first(where: { golden[$0]?.allSatisfy(\.isFinite) == false }) {
      return "the golden's row at position \(position) holds numbers that are not finite"
    }
    if failing.allSatisfy({ fitsButForOneNumber(golden[$0], computed[$0], tolerance) }) {
      return "each golden row is the one found less one number: log-probabilities (log_softmax), not logits"
    }
    if let other = computed.keys.sorted().first(where: { $0 != first && fits(golden[first], computed[$0], tolerance) })
    {
      return "the golden's rows stand at other positions: the one for \(first) is that of \(other)"
    }
    return nil
  }

  private static func fits(_ golden: [Float]?, _ found: [Float]?, _ tolerance: Double) -> Bool {
    guard let golden, let found else { return false }
    let magnitude = golden.reduce(0) { max($0, abs(Double($1))) }
    // Of an infinite magnitude, any difference would be a small part.
    return magnitude.isFinite && RowComparison.largestDelta(golden[...], found[...]) <= tolerance * magnitude
  }

  private static func fitsButForOneNumber(_ golden: [Float]?, _ found: [Float]?, _ tolerance: Double) -> Bool {
    guard let golden, let found, golden.count > 1 else { return false }
    let magnitude = found.reduce(0) { max($0, abs(Double($1))) }
    let differences = zip(golden, found).map { Double($0) - Double($1) }
    let (least, greatest) = (differences.min() ?? 0, differences.max() ?? 0)
    // Rows a little beyond the tolerance are no such thing: the number is much more than what they differ by else.
    return greatest - least <= 2 * tolerance * magnitude && abs(least) > 20 * tolerance * magnitude
  }
}
