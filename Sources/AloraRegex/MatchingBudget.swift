internal import AloraSystem
internal import Synchronization

/// What matching may take altogether: five seconds, and two microseconds for each byte that is looked at.
///
/// Oniguruma bounds how often a match goes back, and nothing else: a pattern whose steps look at the whole rest of the text
/// without ever going back takes its square, and one match cannot be interrupted. So the time is added up where a command has
/// said what to do then (``whenExceeded``): it is called from another thread while a match runs on, and can end the process.
package enum MatchingBudget {
  private static let spent = Atomic<Int>(0)
  private static let allowed = Atomic<Int>(5_000_000_000)
  /// When the match that runs now began; 0: none runs.
  private static let begin = Atomic<Int>(0)
  private static let isLimited = Atomic<Bool>(false)
  private static let isWatched = Atomic<Bool>(false)
  private static let handler = Mutex<(@Sendable () -> Void)?>(nil)

  package static let detail = "the pattern takes too long"

  /// Calls `body` once, on a thread of its own, when matching has taken more than it may.
  package static func whenExceeded(_ body: @escaping @Sendable () -> Void) {
    handler.withLock { $0 = body }
    isLimited.store(true, ordering: .relaxed)
  }

  /// Runs one match over so many bytes.
  ///
  /// - Returns: nil where all matches together have taken too long.
  static func spend<Result>(byteCount: Int, _ body: () -> Result) -> Result? {
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

  /// Starts the thread that looks, where somebody wants to know.
  private static func watch() {
    guard !isWatched.exchange(true, ordering: .relaxed) else { return }
    #if canImport(Darwin)
      var thread: pthread_t?
    #else
      var thread = pthread_t()
    #endif
    // Without a thread, matches are held to their time when they end.
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
