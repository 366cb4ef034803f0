internal import AloraInference
internal import Synchronization

extension Verification {
  /// Calls `body` for each of `count` indices, up to `jobCount` at a time, and hands the results to `then` in order.
  ///
  /// Only a few results wait for their turn.
  /// - Parameters:
  ///   - body: called from several threads, each with its own evaluator.
  ///   - then: called from this thread.
  /// - Throws: the error of the first index that fails; what `then` throws.
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
      // If the system refuses threads, the others do all the work.
      crew.runEach { job in
        while let offset = batch.take() {
          batch.put(Result { try body(first + offset, evaluators[job]) }, at: offset)
        }
      }
      for result in batch.results { try then(result.get()) }
    }
  }
}

/// Indices that threads take one by one, and the result of each.
private final class Batch<Output>: Sendable {
  /// Made by one thread, and used by another after the first has stored it.
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

  /// Nil: none is left.
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

  /// In order; complete once all threads are done.
  var results: [Result<Output, any Error>] {
    let all = state.withLock(\.results)
    return (0..<count).compactMap { all[$0]?.result }
  }
}

/// The progress of a run, counted by several threads.
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
