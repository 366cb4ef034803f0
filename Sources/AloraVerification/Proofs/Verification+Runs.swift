internal import AloraTensors
internal import AloraInference

extension Verification {
  /// A prompt computed from scratch: the sequence, a digest of each row, and the rows that are kept.
  struct Run {
    let sequence: TokenSequence
    var digests: [Digest] = []
    var rows: [Int: [Float]] = [:]

    /// Takes the logits of the next tokens.
    mutating func add(_ logits: Logits, keeping kept: Set<Int>) {
      for position in logits.positions {
        let row = Array(logits[position])
        digests.append(Digest(floats: row))
        if kept.contains(position) { rows[position] = row }
      }
    }
  }

  /// Computes the prompt with the base and with the adapter, and for each position the largest |adapted - base|.
  ///
  /// The two runs split the prompt into different chunks, so that a result is never compared with itself. The adapter's chunk
  /// and one of the base's share a pass, which reads the weights once for both.
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
    // No more than a window's rows of each run are in memory.
    for (index, first) in stride(from: 0, to: tokens.count, by: Self.window).enumerated() {
      let end = min(first + Self.window, tokens.count)
      var lower: [Logits] = []
      var upper: Logits?
      for (number, part) in Self.parts(of: first..<end, index).enumerated() {
        // The base's first chunk is alone, as a token is while an answer is generated.
        let isShared = upper == nil && (number == 1 || part.upperBound == end)
        var work = [Work(base.sequence, tokens: Array(tokens[part]), logits: .all)]
        if isShared { work.append(Work(adapted.sequence, tokens: Array(tokens[first..<end]), logits: .all)) }
        let logits = try evaluator.evaluate(work)
        lower.append(logits[0])
        base.add(logits[0], keeping: kept)
        if isShared {
          upper = logits[1]
          adapted.add(logits[1], keeping: kept)
        }
      }
      guard let upper else { continue }
      for logits in lower {
        for position in logits.positions {
          effects.append(RowComparison.largestDelta(logits[position], upper[position]))
        }
      }
      meter?.add(end - first)
    }
    return (base, adapted, effects)
  }

  /// The base's chunks of a window: one token, or a few, then most of the rest, then a few again.
  private static func parts(of window: Range<Int>, _ index: Int) -> [Range<Int>] {
    let ends = [[1, 59], [2, 43], [5, 47]][index % 3].map { min(window.lowerBound + $0, window.upperBound) }
    let bounds = [window.lowerBound] + ends + [window.upperBound]
    return zip(bounds, bounds.dropFirst()).filter { $0 < $1 }.map { $0..<$1 }
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
