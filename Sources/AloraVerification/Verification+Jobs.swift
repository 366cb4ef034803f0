internal import AloraInference
internal import Synchronization

extension Verification {
  /// Does something for each of `count` indices, up to `jobCount` of them side by side, and takes the results in order.
  ///
  /// No more than a few results wait for their turn.
  /// - Parameters:
  ///   - body: called from several threads, with an evaluator that is the thread's own.
  ///   - then: called from this thread.
  /// - Throws: the error of the first index that has one, and what `then` throws.
  func forEachInOrder<Output>(
    _ count: Int, jobCount: Int, _ body: (_ index: Int, _ evaluator: Evaluator) throws -> Output,
    then: (Output) throws -> Void
  ) throws {
    let jobCount = max(1, min(jobCount, count))
    guard jobCount > 1 else {
      for index in 0..<count { try then(body(index, evaluator)) }
      return
    }
    let threadCount = evaluator.pool.threadCount
    let evaluators = (0..<jobCount).map { job in
      let share = threadCount / jobCount + (job < threadCount % jobCount ? 1 : 0)
      return Evaluator(
        model: model, pool: ThreadPool(threadCount: max(1, share)), instructionSet: evaluator.instructionSet)
    }
    let crew = ThreadPool(threadCount: jobCount)
    let size = 4 * jobCount
    for first in stride(from: 0, to: count, by: size) {
      let batch = Batch<Output>(count: min(size, count - first))
      // Where the system has refused threads, those that there are do it all.
      crew.runEach { job in
        while let offset = batch.take() {
          batch.put(Result { try body(first + offset, evaluators[job]) }, at: offset)
        }
      }
      for result in batch.results { try then(result.get()) }
    }
  }
}

/// Indices that threads take one after the other, and what comes of each.
private final class Batch<Output>: Sendable {
  /// Made by one thread and used by another, after the first has put it away.
  private struct Handed: @unchecked Sendable {
    let result: Result<Output, any Error>
  }
  private struct State {
    var next = 0
    var results: [Int: Handed] = [:]
  }
  private let count: Int
  private let state = Mutex(State())

  init(count: Int) { self.count = count }

  /// Nil: there is nothing left.
  func take() -> Int? {
    state.withLock { state in
      guard state.next < count else { return nil }
      state.next += 1
      return state.next - 1
    }
  }

  func put(_ result: Result<Output, any Error>, at index: Int) {
    let handed = Handed(result: result)
    state.withLock { $0.results[index] = handed }
  }

  /// In order; all of them, once all threads are done.
  var results: [Result<Output, any Error>] {
    let all = state.withLock(\.results)
    return (0..<count).compactMap { all[$0]?.result }
  }
}

/// How much of a run is done, told by several threads.
final class ProgressMeter: Sendable {
  private let total: Int
  private let done = Mutex(0)
  private let report: @Sendable (Int, Int) -> Void

  init(total: Int, _ report: @escaping @Sendable (Int, Int) -> Void) {
    self.total = total
    self.report = report
  }

  func add(_ count: Int) {
    done.withLock { done in
      done += count
      report(done, total)
    }
  }
}
