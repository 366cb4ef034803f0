internal import AloraTensors
internal import AloraInference

extension Verification {
  /// A prompt computed from scratch: the sequence, a digest of each row, and the rows that are kept.
  struct Run {
    let sequence: TokenSequence
    var digests: [Digest] = []
    var rows: [Int: [Float]] = [:]

    /// Computes the next tokens.
    mutating func advance(_ tokens: ArraySlice<Int>, keeping kept: Set<Int>, _ evaluator: Evaluator) throws -> Logits {
      let logits = try evaluator.evaluate([Work(sequence, tokens: Array(tokens), logits: .all)])[0]
      for position in logits.positions {
        let row = Array(logits[position])
        digests.append(Digest(floats: row))
        if kept.contains(position) { rows[position] = row }
      }
      return logits
    }
  }

  /// Computes the prompt with the base and with the adapter, and for each position the largest |adapted - base|.
  ///
  /// The two runs split the prompt into different chunks, so that a result is never compared with itself.
  func runs(
    _ tokens: [Int], start: Int?, keeping kept: Set<Int>, _ meter: ProgressMeter? = nil
  ) throws -> (base: Run, adapted: Run, effects: [Double]) {
    var base = Run(sequence: TokenSequence(model: model, declaredLength: tokens.count))
    var adapted = Run(
      sequence: TokenSequence(
        model: model, adapter: adapter, activationStart: start, declaredLength: tokens.count))
    for sequence in [base.sequence, adapted.sequence] {
      sequence.keepSnapshots(of: tokens.count, at: start)
    }
    var effects: [Double] = []
    // One token first, so that short prompts are split too; then odd sizes around a tile, and large ones, because each part
    // reads all weights.
    let parts = [1, 5, 31, 2, 17, 47]
    var index = 0
    // Side by side, so that no more than a window's rows are in memory.
    for first in stride(from: 0, to: tokens.count, by: Self.window) {
      let end = min(first + Self.window, tokens.count)
      let upper = try adapted.advance(tokens[first..<end], keeping: kept, evaluator)
      while effects.count < end {
        let next = min(effects.count + parts[index % parts.count], end)
        let lower = try base.advance(tokens[effects.count..<next], keeping: kept, evaluator)
        for position in lower.positions {
          effects.append(RowComparison.largestDelta(lower[position], upper[position]))
        }
        index += 1
      }
      meter?.add(end - first)
    }
    return (base, adapted, effects)
  }

  /// Computes rows at some positions, taking what comes before the activation from the base's cache.
  ///
  /// - Parameter positions: rising.
  /// - Complexity: as many tokens as there are from the activation, or else the first position, to the last position.
  func rows(
    _ tokens: [Int], start: Int?, at positions: [Int], continuing base: Run, adapter: Adapter
  ) throws -> [Int: [Float]] {
    guard let first = positions.first else { return [:] }
    let sequence = try TokenSequence(
      continuing: base.sequence, count: min(start ?? first, first), adapter: adapter, activationStart: start)
    var rows: [Int: [Float]] = [:]
    try finish([sequence], tokens, at: positions) { _, logits in
      for position in logits.positions { rows[position] = Array(logits[position]) }
    }
    return rows
  }

  /// Computes the rest of a prompt for several sequences side by side, reading the weights once for all of them.
  ///
  /// - Parameters:
  ///   - wanted: the positions whose logits `body` gets, rising; nil for all. Stops after the last of them.
  ///   - body: gets the index of a sequence, and its logits in parts.
  func finish(
    _ sequences: [TokenSequence], _ tokens: [Int], at wanted: [Int]? = nil,
    _ body: (_ index: Int, _ logits: Logits) -> Void
  ) throws {
    let end = wanted.map { ($0.last ?? -1) + 1 } ?? tokens.count
    while true {
      let unfinished = sequences.indices.filter { sequences[$0].tokens.count < end }
      guard !unfinished.isEmpty else { return }
      // At most a window's logits in memory, and a few windows' rows of the graph.
      let rowLimit = max(1, Self.window / unfinished.count)
      let work = unfinished.map { index in
        let done = sequences[index].tokens.count
        let run = wanted.map { Self.nextRun(of: $0, from: done) } ?? done..<end
        let last = min(run.upperBound, run.lowerBound + rowLimit, done + 8 * rowLimit)
        return Work(
          sequences[index], tokens: Array(tokens[done..<last]),
          logits: run.lowerBound < last ? .rows((run.lowerBound - done)..<(last - done)) : .none)
      }
      for (index, logits) in zip(unfinished, try evaluator.evaluate(work)) where !logits.positions.isEmpty {
        body(index, logits)
      }
    }
  }

  /// The first of the rising `positions` at or after `first`, and those that follow it without a gap. There is at least one.
  private static func nextRun(of positions: [Int], from first: Int) -> Range<Int> {
    let rest = positions.drop { $0 < first }
    let lower = rest.first ?? first
    let count = zip(rest, lower...).prefix { $0 == $1 }.count
    return lower..<(lower + count)
  }
}

extension TokenSequence {
  /// Has the states of recurrent layers kept where the proofs go back to: at the activation start, at its neighbors, before
  /// the last token, and now and then.
  fileprivate func keepSnapshots(of tokenCount: Int, at start: Int?) {
    snapshotInterval = 512
    snapshotPositions = Set([start, start.map { $0 - 1 }, tokenCount - 1].compactMap { $0 })
  }
}
