/// The line about a long run that a terminal shows: how far it has come, and how much time is left.
///
/// Units: seconds, of any clock.
package struct ProgressLine: Sendable {
  private let label: String
  private let total: Int
  private let start: Double
  private var lastShown: Double?

  /// - Parameter total: the whole of the work, in any unit.
  package init(_ label: String, total: Int, start: Double) {
    self.label = label
    self.total = max(total, 1)
    self.start = start
  }

  /// Whether there has been a line.
  package var isShown: Bool { lastShown != nil }

  /// The line when a part of the work is done; nil in the first second, and too soon after another line.
  package mutating func text(done: Int, now: Double) -> String? {
    guard now - start > 1, now - (lastShown ?? 0) > 0.1 else { return nil }
    lastShown = now
    let fraction = min(1, Double(done) / Double(total))
    let left = fraction > 0.02 ? " \(Int((now - start) / fraction * (1 - fraction)) + 1) s left" : ""
    return "\(label) \(Int(fraction * 100)) %\(left)"
  }
}
