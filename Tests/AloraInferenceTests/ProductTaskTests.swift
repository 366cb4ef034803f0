import Testing

@testable import AloraInference

@Suite struct ProductTaskTests {
  private static let panelCounts = [0, 1, 2, 3, 17, 18, 30, 96, 257]
  private static let tileCounts = [1, 2, 7, 8, 43, 342]
  private static let threadCounts = [1, 2, 3, 8, 64]

  @Test(arguments: panelCounts, tileCounts) func eachTileOfEachPanelIsDoneOnce(panelCount: Int, tileCount: Int) {
    for threadCount in Self.threadCounts {
      let tasks = ProductTask.divide(panelCount: panelCount, tileCount: tileCount, threadCount: threadCount)
      var times = [Int](repeating: 0, count: panelCount * tileCount)
      for task in tasks {
        #expect(!task.panels.isEmpty && !task.tiles.isEmpty)
        for panel in task.panels { for tile in task.tiles { times[panel * tileCount + tile] += 1 } }
      }
      #expect(times.allSatisfy { $0 == 1 }, "\(threadCount) threads")
    }
  }

  /// Threads that are more than the pairs of panels have work through the tiles.
  @Test func manyThreadsShareFewPanels() {
    let tasks = ProductTask.divide(panelCount: 18, tileCount: 43, threadCount: 64)
    #expect(tasks.count >= 64)
    #expect(tasks.allSatisfy { $0.panels.count == 2 && $0.tiles.count >= 4 })
  }
}
