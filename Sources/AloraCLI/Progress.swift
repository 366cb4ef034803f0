#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A line on standard error that tells how far a long run has come: only on a terminal, and only after a second.
struct Progress {
  private let label: String
  private let total: Int
  private let isShown: Bool
  private let start = monotonicSeconds()
  private var lastShown = 0.0
  private var isLineOpen = false

  init(_ label: String, total: Int, isQuiet: Bool) {
    self.label = label
    self.total = max(total, 1)
    isShown = !isQuiet && Console.standardError.isTerminal
  }

  /// - Parameter done: how much of the total is done, in the total's unit.
  mutating func update(_ done: Int) {
    let now = monotonicSeconds()
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

private func monotonicSeconds() -> Double {
  var time = timespec()
  _ = unsafe clock_gettime(CLOCK_MONOTONIC, &time)
  return Double(time.tv_sec) + Double(time.tv_nsec) * 1e-9
}
