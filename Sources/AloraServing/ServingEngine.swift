package import AloraGeneration
package import AloraInference
internal import AloraSystem
internal import NIOCore
internal import NIOPosix

/// Continues many callers' texts at once, with one model, any adapters, and one prefix cache.
///
/// Each pass of the model computes one token for every text that is being continued, and a part of the prompts that wait
/// (``step()``). A request's logits are the same bits whatever else is computed with it, because the evaluator's are; see
/// ``Evaluator``. Everything runs on one thread of the engine's own, which shares work with the pool's threads.
package actor ServingEngine {
  /// How much an engine takes on.
  package struct Limits: Sendable {
    /// Requests that are computed at the same time, at most.
    package var activeCount = 32
    /// Requests that wait, at most.
    package var waitingCount = 256
    /// Tokens of all texts that are computed at the same time, prompts and answers, at most. One request is always taken.
    package var tokenCount = Int.max
    /// Tokens of prompts that are computed in one pass while there are other requests, at most.
    package var sharedChunkCount = 128
    /// How long a pass may take, estimated from earlier ones. `shared` is for a pass while other requests wait for their next
    /// token, `alone` for a request without others, because another may come. A pass always has a few tokens.
    ///
    /// Units: seconds.
    package var passSeconds = (shared: 0.15, alone: 1.0)
    /// The longest time for one request, from its arrival on.
    package var seconds = Double.infinity

    package init() {}
  }

  let evaluator: Evaluator
  let cache: PrefixCache
  package nonisolated let limits: Limits
  private let group: MultiThreadedEventLoopGroup
  private let executor: any SerialExecutor

  var waiting: [Entry] = []
  var active: [Entry] = []
  private var lastNumber = 0
  private var isLooping = false
  private(set) var isShuttingDown = false
  var statistics = ServingStatistics()
  var pace = PromptPace()

  // Safe: the engine keeps the executor for as long as it lives.
  package nonisolated var unownedExecutor: UnownedSerialExecutor { unsafe executor.asUnownedSerialExecutor() }

  /// - Parameters:
  ///   - evaluator: computes for nobody else from now on.
  ///   - cache: of the same model; used by nobody else from now on.
  package init(evaluator: sending Evaluator, cache: sending PrefixCache, limits: Limits = Limits()) {
    precondition(evaluator.model === cache.model, "a cache of another model")
    group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    executor = group.next().executor
    self.evaluator = evaluator
    self.cache = cache
    self.limits = limits
  }

  /// Takes a request.
  ///
  /// A caller who stops reading the events, or whose task is cancelled, cancels the request.
  /// - Throws: ``ServingRefusal``.
  package func submit(_ request: ServingRequest) throws(ServingRefusal) -> ServingTicket {
    guard !isShuttingDown else { throw .shuttingDown }
    guard waiting.count < limits.waitingCount else {
      statistics.refusedCount += 1
      throw .queueIsFull(retrySeconds: retrySeconds)
    }
    lastNumber += 1
    let number = lastNumber
    let (stream, continuation) = AsyncThrowingStream<ServingEvent, any Error>.makeStream()
    continuation.onTermination = { [weak self] reason in
      guard case .cancelled = reason else { return }
      Task { await self?.cancel(number) }
    }
    waiting.append(Entry(number, request, continuation))
    statistics.requestCount += 1
    wake()
    return ServingTicket(number: number, events: stream)
  }

  /// Takes no more requests, and returns when those that it has are finished, or after some time.
  ///
  /// - Returns: whether all are finished.
  package func drain(seconds: Double) async -> Bool {
    isShuttingDown = true
    let end = MonotonicClock.seconds + seconds
    while !waiting.isEmpty || !active.isEmpty {
      guard MonotonicClock.seconds < end else { return false }
      try? await Task.sleep(for: .milliseconds(20))
    }
    return true
  }

  /// Ends every request with an error.
  package func abort() {
    isShuttingDown = true
    for entry in waiting + active { entry.continuation.finish(throwing: ServingRefusal.shuttingDown) }
    waiting = []
    active = []
  }

  /// Calls `body` between two passes, on the engine's thread: nothing else uses the evaluator's threads meanwhile.
  package func perform<Result>(_ body: @Sendable (Evaluator, PrefixCache) throws -> sending Result) rethrows -> Result {
    try body(evaluator, cache)
  }

  /// What the engine has done so far, and what it does now.
  package var snapshot: ServingStatistics {
    var result = statistics
    result.activeCount = active.count
    result.waitingCount = waiting.count
    result.cacheByteCount = cache.byteCount
    result.cacheByteLimit = cache.byteLimit
    result.evictedBlockCount = cache.statistics.evictedBlockCount
    return result
  }

  /// Ends a request because its caller has all that it wants: after a stop text, for example.
  package func finish(_ ticket: ServingTicket) {
    if remove(ticket.number) { statistics.endedCount += 1 }
  }

  private func cancel(_ number: Int) {
    if remove(number) { statistics.cancelledCount += 1 }
  }

  /// - Returns: whether the request existed.
  private func remove(_ number: Int) -> Bool {
    if let index = waiting.firstIndex(where: { $0.number == number }) {
      waiting.remove(at: index)
    } else if let index = active.firstIndex(where: { $0.number == number }) {
      let entry = active.remove(at: index)
      retire(entry)
      statistics.activeSeconds += MonotonicClock.seconds - entry.started
    } else {
      return false
    }
    return true
  }

  /// What was computed of a text goes to the cache.
  func retire(_ entry: Entry) { if let sequence = entry.held?.sequence { cache.insert(sequence) } }

  private func wake() {
    guard !isLooping else { return }
    isLooping = true
    Task { await self.loop() }
  }

  private func loop() async {
    while !waiting.isEmpty || !active.isEmpty {
      step()
      // Requests and cancellations that came meanwhile.
      await Task.yield()
    }
    isLooping = false
  }

  /// A guess: the average time that requests have taken so far.
  private var retrySeconds: Int {
    let mean = statistics.endedCount > 0 ? statistics.activeSeconds / Double(statistics.endedCount) : 1
    return Int(max(1, min(60, mean.rounded(.up))))
  }

  deinit { group.shutdownGracefully { _ in } }
}
