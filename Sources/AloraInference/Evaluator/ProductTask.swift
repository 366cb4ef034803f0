/// The part of a matrix product with many tokens that one thread computes: some panels of outputs, some tiles of tokens.
struct ProductTask {
  let panels: Range<Int>
  let tiles: Range<Int>

  /// The fewest tiles for which widening a panel's weights is worthwhile.
  private static let leastTiles = 4

  /// Divides a product into tasks: large ones first, which read the rows less often, and small ones at the end, so that all
  /// threads end together. Panels go in pairs, which take less time than two alone; the last pairs, at most one for each
  /// thread, are divided by tiles, or into single panels if there are too few.
  static func divide(panelCount: Int, tileCount: Int, threadCount: Int) -> [ProductTask] {
    let partCount = max(1, min(threadCount, tileCount / leastTiles))
    let pairCount = (panelCount + 1) / 2
    let whole = partCount > 1 ? 2 * (pairCount - (pairCount - 1) % threadCount - 1) : panelCount - threadCount
    var (tasks, first) = ([ProductTask](), 0)
    while first < whole {
      let size = max(2, min(8, (panelCount - first) / (4 * threadCount) * 2))
      let end = partCount > 1 ? min(first + size, whole) : first + size
      tasks.append(ProductTask(panels: first..<end, tiles: 0..<tileCount))
      first = end
    }
    while first < panelCount {
      let panels = first..<min(first + (partCount > 1 ? 2 : 1), panelCount)
      for part in 0..<partCount {
        tasks.append(
          ProductTask(panels: panels, tiles: (tileCount * part / partCount)..<(tileCount * (part + 1) / partCount)))
      }
      first = panels.upperBound
    }
    return tasks
  }
}
