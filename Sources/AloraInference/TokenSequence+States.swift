internal import AloraModels

/// What a recurrent model computes from one state to the next: some rows of a pass.
struct RecurrentStage {
  let rows: Range<Int>
  /// Nil before the first token.
  let from: RecurrentState?
  let to: RecurrentState
}

extension TokenSequence {
  /// How many of the tokens the evaluator has still to compute.
  var pendingCount: Int { tokens.count - computedCount }

  /// Where a text can be continued without computing its beginning again.
  struct Resumption {
    let position: Int
    /// Nil at position 0, and for a model without recurrent layers.
    let state: RecurrentState?
  }

  /// Where this text can be continued: the last such place among the first `count` tokens.
  func resumption(atMost count: Int) -> Resumption {
    guard model.isRecurrent else { return Resumption(position: min(count, computedCount), state: nil) }
    if computedCount <= count { return Resumption(position: computedCount, state: state) }
    let last = snapshots.last { $0.position <= count }
    return Resumption(position: last?.position ?? 0, state: last?.state)
  }

  /// The snapshots of this text, by position, and the state after its last computed token.
  package var allSnapshots: [RecurrentSnapshot] {
    guard let state, snapshots.last?.position != computedCount else { return snapshots }
    return snapshots + [RecurrentSnapshot(position: computedCount, state: state)]
  }

  /// The snapshot after the first `count` tokens, if there is one.
  package func snapshot(at count: Int) -> RecurrentSnapshot? { allSnapshots.last { $0.position == count } }

  /// The positions that a snapshot is taken at.
  private func isSnapshot(_ position: Int) -> Bool {
    position == activationStart || snapshotPositions.contains(position)
      || snapshotInterval.map { position.isMultiple(of: $0) } ?? false
  }

  /// The stages of computing the next `count` tokens, which are the rows from `row` on: one up to each snapshot, and one to
  /// the end.
  func stages(count: Int, firstRow row: Int) -> [RecurrentStage] {
    guard model.isRecurrent else { return [] }
    var (stages, first, from) = ([RecurrentStage](), 0, state)
    for end in 1...count where end == count || isSnapshot(computedCount + end) {
      // The state before the last one is nobody's any more, unless it became a snapshot.
      let isFree = previousState != nil && isKnownUniquelyReferenced(&previousState)
      let to = isFree && end == count ? previousState : nil
      stages.append(
        RecurrentStage(
          rows: (row + first)..<(row + end), from: from, to: to ?? RecurrentState(model.recurrentLayout)))
      (first, from) = (end, stages.last?.to)
    }
    if let last = stages.last, last.to === previousState { previousState = nil }
    return stages
  }

  /// Takes over what a pass has computed.
  func commit(count: Int, _ stages: [RecurrentStage]) {
    var position = computedCount
    for stage in stages {
      position += stage.rows.count
      if isSnapshot(position) { snapshots.append(RecurrentSnapshot(position: position, state: stage.to)) }
    }
    computedCount += count
    thinSnapshots()
    guard let last = stages.last else { return }
    previousState = state
    state = last.to
  }

  /// Doubles the distance of the snapshots that come again and again when there are too many of them.
  private func thinSnapshots() {
    func isAtInterval(_ snapshot: RecurrentSnapshot) -> Bool {
      snapshot.position != activationStart && !snapshotPositions.contains(snapshot.position)
    }
    while let interval = snapshotInterval, snapshots.count(where: isAtInterval) > snapshotLimit {
      snapshotInterval = 2 * interval
      snapshots.removeAll { isAtInterval($0) && !$0.position.isMultiple(of: 2 * interval) }
    }
  }
}
