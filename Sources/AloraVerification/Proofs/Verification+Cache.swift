internal import AloraSystem
internal import AloraTensors
internal import AloraModels
internal import AloraInference

extension Verification {
  /// Proof 2: rows, keys, values and states before the activation are the base's.
  func compareBefore(
    _ start: Int, _ prompt: IndexedPrompt, _ base: Run, _ adapted: Run, _ findings: inout Findings
  ) {
    let h = model.graph.base.hyperparameters
    for position in 0..<min(start, prompt.tokens.count) {
      findings.positionsBefore += 1
      if base.digests[position] != adapted.digests[position] {
        return findings.fail(
          .beforeActivation, .logitsDifferBefore(position: position, activationStart: start), ofCase: prompt.index)
      }
      for layer in 0..<h.layerCount {
        for head in 0..<base.sequence.headCount(layer: layer) {
          findings.cacheEntriesBefore += 1
          let one = base.sequence.entry(layer: layer, head: head, position: position)
          let other = adapted.sequence.entry(layer: layer, head: head, position: position)
          guard zip(one, other).contains(where: { $0.bitPattern != $1.bitPattern }) else { continue }
          return findings.fail(
            .beforeActivation, .cacheDiffersBefore(position: position, layer: layer, head: head), ofCase: prompt.index)
        }
      }
    }
    guard let one = base.sequence.snapshot(at: start), let other = adapted.sequence.snapshot(at: start) else { return }
    findings.statesBefore += h.recurrence?.layers.count ?? 0
    if let layer = one.firstDifferentLayer(from: other, of: model) {
      findings.fail(
        .beforeActivation, .stateDiffersBefore(activationStart: start, layer: layer), ofCase: prompt.index)
    }
  }

  /// Proof 3: continuing from a cache gives the bits of computing from scratch, in every order.
  func reuse(
    _ prompt: IndexedPrompt, _ start: Int?, _ base: Run, _ adapted: Run, _ findings: inout Findings
  ) throws {
    let tokens = prompt.tokens
    let shared = min(start ?? tokens.count, tokens.count - 1)
    /// Continues the caches of other runs to the end of the prompt, side by side.
    func check(
      _ texts: [(order: ReuseOrder, source: TokenSequence, count: Int, start: Int?, expected: Run)]
    ) throws -> [TokenSequence] {
      let sequences = try texts.map {
        try TokenSequence(continuing: $0.source, count: $0.count, adapter: adapter, activationStart: $0.start)
      }
      var failures = [Int?](repeating: nil, count: texts.count)
      try finish(sequences, tokens) { index, logits in
        let text = texts[index]
        guard failures[index] == nil,
          let position = logits.positions.first(where: {
            Digest(floats: Array(logits[$0])) != text.expected.digests[$0]
          })
        else { return }
        failures[index] = position
      }
      findings.continuationCount += texts.count
      for (text, failure) in zip(texts, failures) {
        guard let position = failure else { continue }
        findings.fail(.cacheReuse, .reuseDiffers(text.order, position: position), ofCase: prompt.index)
      }
      return sequences
    }
    let continued = try check([
      (.baseThenAdapter, base.sequence, shared, start, adapted),
      (.adapterThenBase, adapted.sequence, shared, nil, base),
      (.adapterTwice, adapted.sequence, tokens.count - 1, start, adapted),
    ])
    _ = try check([(.baseAdapterBase, continued[0], shared, nil, base)])
    guard let start, start < tokens.count else { return }
    // The base must refuse what the adapter made.
    if !isRefused(continuing: adapted.sequence, count: tokens.count) {
      findings.fail(.cacheReuse, .foreignCacheAccepted, ofCase: prompt.index)
    }
  }

  /// Whether the base refuses to continue from these positions of `sequence`.
  private func isRefused(continuing sequence: TokenSequence, count: Int) -> Bool {
    do throws(InferenceError) {
      _ = try TokenSequence(continuing: sequence, count: count)
      return false
    } catch {
      return error.code == .foreignCache
    }
  }
}
