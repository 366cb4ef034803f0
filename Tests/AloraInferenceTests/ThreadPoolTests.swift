import Synchronization
import Testing

@testable import AloraInference

@Suite struct ThreadPoolTests {
  /// Every number once, whatever the count and the threads; parts begin at multiples of the smallest.
  @Test(arguments: [1, 2, 3, 5]) func partsCoverARangeOnce(_ threadCount: Int) {
    let pool = ThreadPool(threadCount: threadCount)
    for least in [1, 4] {
      for count in [0, 1, 3, 4, 5, 63, 64, 1000, 4097] {
        let found = Mutex<[Range<Int>]>([])
        pool.run(partsOf: count, least: least) { thread, part in
          #expect((0..<threadCount).contains(thread))
          found.withLock { $0.append(part) }
        }
        let parts = found.withLock { $0 }.sorted { $0.lowerBound < $1.lowerBound }
        #expect(parts.flatMap(Array.init) == Array(0..<count))
        #expect(parts.allSatisfy { !$0.isEmpty && $0.lowerBound % least == 0 })
      }
    }
  }

  /// Large parts first, so that they are few.
  @Test func partsOfALongRangeAreFew() {
    let count = Mutex(0)
    ThreadPool(threadCount: 2).run(partsOf: 4096, least: 4) { _, _ in count.withLock { $0 += 1 } }
    #expect((8...64).contains(count.withLock { $0 }))
  }
}
