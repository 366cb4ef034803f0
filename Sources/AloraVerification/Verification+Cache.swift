internal import AloraTensors
internal import AloraModels
internal import AloraInference

extension Verification {
  /// Proof 2: rows, keys and values before the activation are the base's.
  func compareBefore(
    _ start: Int, _ prompt: VerificationPrompt, _ base: Run, _ adapted: Run, _ findings: inout Findings
  ) {
    let h = model.graph.base.hyperparameters
    for position in 0..<min(start, prompt.tokens.count) {
      findings.rowsBefore += 1
      if base.digests[position] != adapted.digests[position] {
        return findings.fail(
          .beforeActivation, of: prompt.name, "the logits of position \(position) differ, activation starts at \(start)"
        )
      }
      for layer in 0..<h.layerCount {
        for head in 0..<h.keyValueHeadCount {
          findings.entriesBefore += 1
          let one = base.sequence.entry(layer: layer, head: head, position: position)
          let other = adapted.sequence.entry(layer: layer, head: head, position: position)
          guard zip(one, other).contains(where: { $0.bitPattern != $1.bitPattern }) else { continue }
          return findings.fail(
            .beforeActivation, of: prompt.name,
            "the cached key or value of position \(position), layer \(layer), head \(head) differs")
        }
      }
    }
  }

  /// Proof 3: going on from a cache gives the bits of computing everything anew, in every order.
  func reuse(
    _ prompt: VerificationPrompt, _ start: Int?, _ base: Run, _ adapted: Run, _ findings: inout Findings
  ) throws {
    let tokens = prompt.tokens
    let shared = min(start ?? tokens.count, tokens.count - 1)
    /// Texts that begin with positions of others, computed to their ends side by side.
    func check(
      _ texts: [(order: String, source: TokenSequence, count: Int, start: Int?, expected: Run)]
    ) throws -> [TokenSequence] {
      let sequences = try texts.map {
        try TokenSequence(continuing: $0.source, count: $0.count, adapter: adapter, activationStart: $0.start)
      }
      var failures = [String?](repeating: nil, count: texts.count)
      try finish(sequences, tokens) { index, logits in
        let text = texts[index]
        guard failures[index] == nil,
          let position = logits.positions.first(where: {
            Digest(floats: Array(logits[$0])) != text.expected.digests[$0]
          })
        else { return }
        failures[index] = "\(text.order): the logits of position \(position) differ"
      }
      findings.reuses += texts.count
      for failure in failures.compactMap({ $0 }) { findings.fail(.cacheReuse, of: prompt.name, failure) }
      return sequences
    }
    let continued = try check([
      ("base, then adapter", base.sequence, shared, start, adapted),
      ("adapter, then base", adapted.sequence, shared, nil, base),
      ("adapter twice", adapted.sequence, tokens.count - 1, start, adapted),
    ])
    _ = try check([("base, adapter, base", continued[0], shared, nil, base)])
    guard let start, start < tokens.count else { return }
    // What the adapter has changed must not pass for the base's.
    if !isRefused(continuing: adapted.sequence, count: tokens.count) {
      findings.fail(.cacheReuse, of: prompt.name, "adapted keys and values were accepted as the base's")
    }
  }

  /// Whether the base declines to go on from these positions of `sequence`.
  private func isRefused(continuing sequence: TokenSequence, count: Int) -> Bool {
    do throws(InferenceError) {
      _ = try TokenSequence(continuing: sequence, count: count)
      return false
    } catch {
      return error.code == .foreignCache
    }
  }
}
