package import AloraTensors
internal import AloraInference

extension PrefixCache {
  /// Moves the blocks of a path to the front of the list, the path's first block first.
  ///
  /// This keeps every block at most as recent as its predecessor, so the least recent block is always the end of a text.
  func touch(_ path: [Int]) {
    for number in path.dropFirst().reversed() {
      unlink(number)
      nodes[number]?.older = newest
      if let newest { nodes[newest]?.newer = number } else { oldest = number }
      newest = number
    }
  }

  /// Puts a new block at the end of the list.
  func appendOldest(_ number: Int) {
    nodes[number]?.newer = oldest
    if let oldest { nodes[oldest]?.older = number } else { newest = number }
    oldest = number
  }

  private func unlink(_ number: Int) {
    guard let node = nodes[number] else { return }
    if let newer = node.newer { nodes[newer]?.older = node.older } else if newest == number { newest = node.older }
    if let older = node.older { nodes[older]?.newer = node.newer } else if oldest == number { oldest = node.newer }
    nodes[number]?.newer = nil
    nodes[number]?.older = nil
  }

  func use(_ path: [Int]) {
    for number in path { nodes[number]?.useCount += 1 }
  }

  func release(_ path: [Int]) {
    for number in path { nodes[number]?.useCount -= 1 }
    evict()
  }

  /// Drops blocks and snapshots until the limit is met, the least recently used first. Blocks in use stay.
  func evict() {
    // Blocks after a text's last snapshot are of no use.
    evictBlocks { !self.model.isRecurrent || $0.snapshots.isEmpty }
    while byteCount > byteLimit, dropOldestSnapshot() { evictBlocks { $0.snapshots.isEmpty } }
  }

  private func evictBlocks(where isIdle: (Node) -> Bool) {
    var next = oldest
    while byteCount > byteLimit, let number = next, let node = nodes[number] {
      next = node.newer
      guard node.useCount == 0, node.childNumbers.isEmpty, isIdle(node) else { continue }
      unlink(number)
      nodes[number] = nil
      numbers[node.key] = nil
      nodes[node.key.parent]?.childNumbers.removeAll { $0 == number }
      statistics.evictedBlockCount += 1
    }
  }

  /// The number of blocks that base weights alone made, and the number for each adapter.
  package var blockCounts: (base: Int, adapted: [Digest: Int]) {
    var (base, adapted) = (0, [Digest: Int]())
    for node in nodes.values where node.block != nil {
      if let weights = node.key.weights { adapted[weights.adapterDigest, default: 0] += 1 } else { base += 1 }
    }
    return (base, adapted)
  }
}
