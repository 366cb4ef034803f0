internal import AloraTensors
internal import AloraInference

extension PrefixCache {
  /// A snapshot in a block.
  struct HeldSnapshot {
    let snapshot: RecurrentSnapshot
    /// Higher for one that was used later.
    var use: Int
  }

  /// Has a text's states kept again and again: as many as a quarter of the limit has room for, and at most eight.
  func takeSnapshots(of sequence: TokenSequence) {
    guard model.isRecurrent else { return }
    sequence.snapshotLimit = min(8, byteLimit / 4 / model.stateByteCount)
    sequence.snapshotInterval = sequence.snapshotLimit > 0 ? snapshotInterval : nil
  }

  /// The last snapshot that these tokens and weights would make, too, in the blocks of a path or beside them.
  func lastSnapshot(
    on path: [Int], _ tokens: ArraySlice<Int>, _ digest: Digest?, _ start: Int?
  ) -> (number: Int, position: Int, snapshot: RecurrentSnapshot)? {
    let slots = TokenSequence.blockPositionCount
    for depth in path.indices.reversed() {
      var best: (number: Int, index: Int, snapshot: RecurrentSnapshot)?
      let first = depth * slots
      guard first < tokens.endIndex else { continue }
      for number in nodes[path[depth]]?.childNumbers ?? [] {
        let end = first + reusableCount(of: number, tokens[first...], at: first, digest, start)
        guard let held = nodes[number]?.snapshots,
          let index = held.lastIndex(where: { $0.snapshot.position <= end }),
          held[index].snapshot.position > best?.snapshot.position ?? 0
        else { continue }
        best = (number, index, held[index].snapshot)
      }
      if let (number, index, snapshot) = best {
        snapshotUseCount += 1
        nodes[number]?.snapshots[index].use = snapshotUseCount
        return (number, snapshot.position, snapshot)
      }
    }
    return nil
  }

  /// - Parameter path: the root and the sequence's blocks.
  func insertSnapshots(of sequence: TokenSequence, _ path: [Int]) {
    for snapshot in sequence.allSnapshots {
      let depth = (snapshot.position - 1) / TokenSequence.blockPositionCount
      guard snapshot.position > 0, path.indices.contains(depth + 1) else { continue }
      insert(snapshot, path[depth + 1], parent: path[depth])
    }
  }

  private func insert(_ snapshot: RecurrentSnapshot, _ number: Int, parent: Int) {
    // A block that other weights continue may have it already.
    let isKnown = (nodes[parent]?.childNumbers ?? []).contains { other in
      (nodes[other]?.snapshots ?? []).contains {
        $0.snapshot.isSame(as: snapshot) || (other == number && $0.snapshot.position == snapshot.position)
      }
    }
    if !isKnown { add(snapshot, to: number) }
  }

  func add(_ snapshot: RecurrentSnapshot, to number: Int) {
    let held = nodes[number]?.snapshots ?? []
    let place = held.firstIndex { $0.snapshot.position > snapshot.position } ?? held.count
    snapshotUseCount += 1
    nodes[number]?.snapshots.insert(HeldSnapshot(snapshot: snapshot, use: snapshotUseCount), at: place)
    snapshotCount += 1
  }

  /// Drops the snapshot that was used the longest ago; false if there is none.
  func dropOldestSnapshot() -> Bool {
    var oldest: (number: Int, index: Int, use: Int)?
    for (number, node) in nodes {
      for (index, held) in node.snapshots.enumerated() where held.use < oldest?.use ?? .max {
        oldest = (number, index, held.use)
      }
    }
    guard let oldest else { return false }
    nodes[oldest.number]?.snapshots.remove(at: oldest.index)
    snapshotCount -= 1
    statistics.evictedSnapshotCount += 1
    return true
  }
}
