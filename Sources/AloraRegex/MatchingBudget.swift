internal import AloraSystem
internal import Synchronization

/// The time that all matching together may take: five seconds, plus two microseconds for each byte that is searched.
///
/// Oniguruma limits only how often a match backtracks. A pattern whose steps scan the rest of the text without backtracking
/// takes quadratic time, and a match can't be interrupted. So once a command has set a handler (``whenExceeded``), the time
/// is added up, and the handler is called from another thread while the match still runs. It can end the process.
package enum MatchingBudget {
  private static let spent = Atomic<Int>(0)
  private static let allowed = Atomic<Int>(5_000_000_000)
  /// Start time of the current match; 0: none is running.
  ///
  /// Units: nanoseconds.
  private static let begin = Atomic<Int>(0)
  private static let isLimited = Atomic<Bool>(false)
  private static let isWatched = Atomic<Bool>(false)
  private static let handler = Mutex<(@Sendable () -> Void)?>(nil)

  package static let detail = "the pattern takes too long"

  /// Calls `body` once, on a thread of its own, when matching exceeds its time.
  package static func whenExceeded(_ body: @escaping @Sendable () -> Void) {
    handler.withLock { $0 = body }
    isLimited.store(true, ordering: .relaxed)
  }

  /// Lifts the limit of the whole process: for a server, which reads its callers' texts for as long as it runs. Each text has
  /// a budget of its own then: see ``withOwn(_:)``.
  package static func endLimit() { isLimited.store(false, ordering: .relaxed) }

  @TaskLocal private static var own: OwnBudget?
  private static let usesOwn = Atomic<Bool>(false)

  /// The time that the matches of one text may take, by the same rule as the whole process's.
  private final class OwnBudget: Sendable {
    let spent = Atomic<Int>(0)
    let allowed = Atomic<Int>(5_000_000_000)
  }

  /// Gives the matches within `body` a budget of their own. If they exceed it, the match that did ends with an error.
  package static func withOwn<Result>(_ body: () throws -> Result) rethrows -> Result {
    usesOwn.store(true, ordering: .relaxed)
    return try $own.withValue(OwnBudget()) { try body() }
  }

  private static func spend<Result>(of budget: OwnBudget, byteCount: Int, _ body: () -> Result) -> Result? {
    budget.allowed.add(byteCount.multipliedReportingOverflow(by: 2000).partialValue, ordering: .relaxed)
    let start = MonotonicClock.nanoseconds
    let result = body()
    let spent = budget.spent.add(MonotonicClock.nanoseconds - start, ordering: .relaxed).newValue
    return spent > budget.allowed.load(ordering: .relaxed) ? nil : result
  }

  /// Runs one match over `byteCount` bytes.
  ///
  /// - Returns: nil if all matches together have taken too long.
  static func spend<Result>(byteCount: Int, _ body: () -> Result) -> Result? {
    if usesOwn.load(ordering: .relaxed), let own { return spend(of: own, byteCount: byteCount, body) }
    guard isLimited.load(ordering: .relaxed) else { return body() }
    watch()
    let start = MonotonicClock.nanoseconds
    allowed.add(byteCount.multipliedReportingOverflow(by: 2000).partialValue, ordering: .relaxed)
    begin.store(start, ordering: .relaxed)
    let result = body()
    begin.store(0, ordering: .relaxed)
    spent.add(MonotonicClock.nanoseconds - start, ordering: .relaxed)
    return spent.load(ordering: .relaxed) > allowed.load(ordering: .relaxed) ? nil : result
  }

  /// Starts the thread that watches the time, unless it runs already.
  private static func watch() {
    guard !isWatched.exchange(true, ordering: .relaxed) else { return }
    #if canImport(Darwin)
      var thread: pthread_t?
    #else
      var thread = pthread_t()
    #endif
    // Without the thread, the time is checked only when a match ends.
    if unsafe pthread_create(&thread, nil, { _ in unsafe MatchingBudget.look() }, nil) == 0 {
      #if canImport(Darwin)
        if let thread { pthread_detach(thread) }
      #else
        pthread_detach(thread)
      #endif
    }
  }

  private static func look() -> UnsafeMutableRawPointer? {
    while true {
      usleep(200_000)
      let start = begin.load(ordering: .relaxed)
      guard start != 0 else { continue }
      let total = spent.load(ordering: .relaxed) + MonotonicClock.nanoseconds - start
      if total > allowed.load(ordering: .relaxed) {
        handler.withLock { $0 }?()
        return nil
      }
    }
  }
}
