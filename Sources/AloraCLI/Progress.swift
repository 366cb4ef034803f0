internal import AloraSystem

/// A line on standard error that tells how far a long run has come: only on a terminal, and only after a second.
struct Progress {
  private let label: String
  private let total: Int
  private let isShown: Bool
  private let start = MonotonicClock.seconds
  private var lastShown = 0.0
  private var isLineOpen = false

  init(_ label: String, total: Int, isQuiet: Bool) {
    self.label = label
    self.total = max(total, 1)
    isShown = !isQuiet && Console.standardError.isTerminal
  }

  /// - Parameter done: how much of the total is done, in the total's unit.
  mutating func update(_ done: Int) {
    let now = MonotonicClock.seconds
    guard isShown, now - start > 1, now - lastShown > 0.1 else { return }
    lastShown = now
    let fraction = min(1, Double(done) / Double(total))
    let left = fraction > 0.02 ? " \(Int((now - start) / fraction * (1 - fraction)) + 1) s left" : ""
    isLineOpen = true
    Console.standardError.write("\r\u{1B}[K\(label) \(Int(fraction * 100)) %\(left)")
  }

  /// Takes the line away.
  mutating func finish() {
    if isLineOpen { Console.standardError.write("\r\u{1B}[K") }
    isLineOpen = false
  }
}
