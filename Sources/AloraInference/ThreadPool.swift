internal import AloraSystem
package import AloraTensors
internal import Synchronization

/// Threads that work on one job at a time. The calling thread is one of them.
///
/// A job is divided by the thread's number, or into tasks for the next free thread; no result depends on the division.
/// Threads wait for the next job by spinning for a moment and then sleeping. One caller at a time.
@safe package final class ThreadPool {
  package let threadCount: Int
  private let shared: Shared
  private var threads: [pthread_t] = []
  /// How long to spin: not at all if threads outnumber processors.
  private let spinCount: Int

  /// - Parameter threadCount: at least 1. If the system refuses to start some, the pool has fewer.
  package init(threadCount: Int) {
    spinCount = threadCount <= Self.processorCount ? 4000 : 0
    shared = Shared(spinCount: spinCount)
    for number in 1..<max(1, min(threadCount, 1024)) {
      let start = unsafe Unmanaged.passRetained(Start(shared: shared, number: number))
      #if canImport(Darwin)
        var thread: pthread_t?
      #else
        var thread = pthread_t()
      #endif
      // Safe: the thread takes over the reference it is given.
      let status = unsafe pthread_create(&thread, nil, threadMain, start.toOpaque())
      guard status == 0 else {
        unsafe start.release()
        break
      }
      #if canImport(Darwin)
        if let thread { threads.append(thread) }
      #else
        threads.append(thread)
      #endif
    }
    self.threadCount = threads.count + 1
    shared.workerCount = threads.count
  }

  deinit {
    shared.isStopping.store(true, ordering: .sequentiallyConsistent)
    shared.announce()
    for thread in threads { _ = pthread_join(thread, nil) }
  }

  /// A pool with a thread for each processor.
  package static var ofAllProcessors: ThreadPool { ThreadPool(threadCount: processorCount) }

  /// The number of processors that this process may use.
  package static var processorCount: Int { max(1, Int(sysconf(Int32(_SC_NPROCESSORS_ONLN)))) }

  /// Calls `body` once on every thread with the thread's number, and returns when all are done.
  func run(_ body: @escaping (_ thread: Int) -> Void) {
    guard shared.workerCount > 0 else { return body(0) }
    shared.job = body
    shared.pending.store(shared.workerCount, ordering: .sequentiallyConsistent)
    shared.announce()
    body(0)
    var rounds = 0
    while shared.pending.load(ordering: .acquiring) > 0 {
      rounds += 1
      if rounds > spinCount { _ = sched_yield() }
    }
    shared.job = nil
  }

  /// Calls `body` once on every thread, for long-running work. `body` may use other pools.
  package func runEach(_ body: (_ thread: Int) -> Void) {
    withoutActuallyEscaping(body) { run($0) }
  }

  /// These threads, for work that is divided into a part for each.
  package var division: WorkDivision { WorkDivision(partCount: threadCount) { self.runEach($0) } }

  /// Calls `body` once for each of `count` tasks, in order, on the next free thread. For tasks that take so long that one
  /// thread might fall behind.
  func run(tasks count: Int, _ body: @escaping (_ thread: Int, _ task: Int) -> Void) {
    guard count > 1, shared.workerCount > 0 else {
      for task in 0..<count { body(0, task) }
      return
    }
    let shared = shared
    shared.nextTask.store(0, ordering: .relaxed)
    run { thread in
      while true {
        let task = shared.nextTask.wrappingAdd(1, ordering: .relaxed).oldValue
        guard task < count else { return }
        body(thread, task)
      }
    }
  }

  /// Calls `body` for parts of `0 ..< count`, each on the next free thread: large parts first, so that they are few, and small ones at
  /// the end, so that a thread that was held up doesn't keep the others waiting.
  ///
  /// - Parameter least: the smallest part, but for the last; parts begin at its multiples.
  func run(partsOf count: Int, least: Int, _ body: @escaping (_ thread: Int, _ part: Range<Int>) -> Void) {
    guard count > least, shared.workerCount > 0 else {
      if count > 0 { body(0, 0..<count) }
      return
    }
    let (shared, divisor) = (shared, 2 * threadCount * least)
    shared.nextTask.store(0, ordering: .relaxed)
    run { thread in
      var first = shared.nextTask.load(ordering: .relaxed)
      while first < count {
        let end = min(count, first + max(1, (count - first) / divisor) * least)
        let (isOurs, found) = shared.nextTask.compareExchange(expected: first, desired: end, ordering: .relaxed)
        if isOurs { body(thread, first..<end) }
        first = isOurs ? shared.nextTask.load(ordering: .relaxed) : found
      }
    }
  }

  /// The part of `0 ..< count` that a thread does.
  func share(of count: Int, thread: Int) -> Range<Int> {
    (count * thread / threadCount)..<(count * (thread + 1) / threadCount)
  }
}

/// The argument of a new thread.
private final class Start {
  let shared: Shared
  let number: Int
  init(shared: Shared, number: Int) {
    self.shared = shared
    self.number = number
  }
}

private func threadMain(_ argument: UnsafeMutableRawPointer?) -> UnsafeMutableRawPointer? {
  guard let argument = unsafe argument else { return nil }
  let start = unsafe Unmanaged<Start>.fromOpaque(argument).takeRetainedValue()
  start.shared.work(start.number)
  return nil
}

/// The state that the threads share. The caller writes `job` before it announces a generation, the others read it after they see
/// the generation, and the caller clears it after all have reported, so no two access it at once.
@safe private final class Shared: @unchecked Sendable {
  let generation = Atomic<Int>(0)
  let pending = Atomic<Int>(0)
  let sleepers = Atomic<Int>(0)
  let isStopping = Atomic<Bool>(false)
  let nextTask = Atomic<Int>(0)
  var job: ((Int) -> Void)?
  var workerCount = 0
  private let mutex = UnsafeMutablePointer<pthread_mutex_t>.allocate(capacity: 1)
  private let condition = UnsafeMutablePointer<pthread_cond_t>.allocate(capacity: 1)

  private let spinCount: Int

  init(spinCount: Int) {
    self.spinCount = spinCount
    unsafe pthread_mutex_init(mutex, nil)
    unsafe pthread_cond_init(condition, nil)
  }

  deinit {
    unsafe pthread_cond_destroy(condition)
    unsafe pthread_mutex_destroy(mutex)
    unsafe condition.deallocate()
    unsafe mutex.deallocate()
  }

  func announce() {
    generation.add(1, ordering: .sequentiallyConsistent)
    // A thread counts itself as asleep before it looks at the generation for the last time, so one of the two is seen.
    guard sleepers.load(ordering: .sequentiallyConsistent) > 0 else { return }
    unsafe pthread_mutex_lock(mutex)
    unsafe pthread_cond_broadcast(condition)
    unsafe pthread_mutex_unlock(mutex)
  }

  func work(_ number: Int) {
    var seen = 0
    while true {
      seen = next(after: seen)
      if isStopping.load(ordering: .acquiring) { return }
      perform(number)
      pending.subtract(1, ordering: .releasing)
    }
  }

  private func perform(_ number: Int) { job?(number) }

  private func next(after seen: Int) -> Int {
    for round in 0..<(spinCount + 50) {
      let current = generation.load(ordering: .acquiring)
      if current != seen { return seen + 1 }
      if round > spinCount { _ = sched_yield() }
    }
    unsafe pthread_mutex_lock(mutex)
    sleepers.add(1, ordering: .sequentiallyConsistent)
    while generation.load(ordering: .sequentiallyConsistent) == seen { unsafe pthread_cond_wait(condition, mutex) }
    sleepers.subtract(1, ordering: .sequentiallyConsistent)
    unsafe pthread_mutex_unlock(mutex)
    return seen + 1
  }
}

/// The first error of several threads.
final class Failures: @unchecked Sendable {
  private let lock = Mutex<(any Error)?>(nil)

  func note(_ error: any Error) { lock.withLock { $0 = $0 ?? error } }
  func check() throws { if let error = lock.withLock({ $0 }) { throw error } }
}
