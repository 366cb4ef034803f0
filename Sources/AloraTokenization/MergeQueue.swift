/// Merges long pieces, with a linked list of tokens and a heap of the pairs that can merge.
///
/// An entry of the heap goes stale when one of its tokens merges with another. It is recognized because its pair would now
/// become a different token.
enum MergeQueue {
  private struct Entry: Comparable {
    /// Rank in the upper half, position in the lower half, so the leftmost pair of the lowest rank comes first.
    let order: UInt64
    let token: UInt32

    static func < (left: Entry, right: Entry) -> Bool { left.order < right.order }
  }

  private static let end = UInt32.max

  /// - Complexity: O(n log n).
  static func merge(_ symbols: inout [UInt32], _ merges: MergeTable) {
    let count = symbols.count
    guard count > 1, count < Int(UInt32.max) else { return }
    var next = (0..<count).map { $0 + 1 < count ? UInt32($0 + 1) : end }
    var previous = (0..<count).map { $0 > 0 ? UInt32($0 - 1) : end }
    var isGone = [Bool](repeating: false, count: count)
    var heap = MinimumHeap<Entry>()
    func entry(_ left: Int, _ right: Int) -> Entry? {
      let merge = merges.merge(symbols[left], symbols[right])
      guard merge != MergeTable.none else { return nil }
      let order = UInt64(MergeTable.rank(of: merge)) << 32 | UInt64(left)
      return Entry(order: order, token: MergeTable.token(of: merge))
    }
    for index in 0..<(count - 1) { if let entry = entry(index, index + 1) { heap.push(entry) } }
    while let top = heap.pop() {
      let left = Int(top.order & 0xFFFF_FFFF)
      guard !isGone[left], next[left] != end else { continue }
      let right = Int(next[left])
      let merge = merges.merge(symbols[left], symbols[right])
      guard merge != MergeTable.none, MergeTable.token(of: merge) == top.token else { continue }
      symbols[left] = top.token
      isGone[right] = true
      next[left] = next[right]
      if next[right] != end { previous[Int(next[right])] = UInt32(left) }
      if previous[left] != end, let entry = entry(Int(previous[left]), left) { heap.push(entry) }
      if next[left] != end, let entry = entry(left, Int(next[left])) { heap.push(entry) }
    }
    var kept = 0
    for index in 0..<count where !isGone[index] {
      symbols[kept] = symbols[index]
      kept += 1
    }
    symbols.removeLast(count - kept)
  }
}

/// A binary heap.
struct MinimumHeap<Element: Comparable> {
  private var elements: [Element] = []

  mutating func push(_ element: Element) {
    elements.append(element)
    var child = elements.count - 1
    while child > 0 {
      let parent = (child - 1) / 2
      guard elements[child] < elements[parent] else { return }
      elements.swapAt(child, parent)
      child = parent
    }
  }

  mutating func pop() -> Element? {
    guard let first = elements.first, let last = elements.popLast() else { return nil }
    guard !elements.isEmpty else { return first }
    elements[0] = last
    var parent = 0
    while true {
      var child = parent * 2 + 1
      guard child < elements.count else { return first }
      if child + 1 < elements.count, elements[child + 1] < elements[child] { child += 1 }
      guard elements[child] < elements[parent] else { return first }
      elements.swapAt(child, parent)
      parent = child
    }
  }
}
