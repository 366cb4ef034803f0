internal import AloraInference

extension Diagnosis {
  /// The mistake in the graph that explains the golden rows of the base or, if there are none, of the adapted model.
  mutating func graphMistake(_ prompt: GoldenPrompt) throws -> GraphMistake? {
    let isOfBase = !prompt.golden.base.isEmpty
    let golden = isOfBase ? prompt.golden.base : prompt.golden.adapted
    let computed = isOfBase ? prompt.baseRows : prompt.adaptedRows
    let positions = golden.keys.sorted()
    func isOff(_ position: Int, _ row: [Float]?) -> Bool {
      !prompt.tolerance.accepts(RowComparison.relative(expected: golden[position], found: row))
    }
    guard let first = positions.first(where: { isOff($0, computed[$0]) }) else { return nil }
    let candidates = (knownGraph.map { [$0] } ?? []) + graphMistakes()
    for mistake in candidates {
      guard let rows = try graphRows(mistake, prompt, isAdapted: !isOfBase, at: [first]), !isOff(first, rows[first]),
        let all = try graphRows(mistake, prompt, isAdapted: !isOfBase, at: positions),
        !positions.contains(where: { isOff($0, all[$0]) })
      else { continue }
      knownGraph = mistake
      return mistake
    }
    return nil
  }

  /// Whether a mistake in the graph explains the adapter's golden rows, too.
  mutating func explainsAdapted(_ mistake: GraphMistake, _ prompt: GoldenPrompt) throws -> Bool {
    guard let rows = try graphRows(mistake, prompt, isAdapted: true, at: prompt.positions) else { return false }
    return prompt.tolerance.accepts(prompt.misfit(rows))
  }

  private func graphMistakes() -> [GraphMistake] {
    let plain: [GraphMistake] = [
      .sinksLeftOut, .clampLeftOut, .routerBiasLeftOut, .gateAndUpExchanged, .routingWeightsChanged, .windowsLeftOut,
      .windowsChanged(by: 1), .windowsChanged(by: -1),
    ]
    return plain + RecurrentMistake.allCases.map { .recurrent($0) }
      + LayerOrder.orders(of: verification.model.expertCount).map { .expertOrder($0.name) }
  }

  /// The rows that the graph gives with a mistake, from scratch; nil if the mistake can't be made in this model, or if too
  /// few tokens may still be computed.
  private mutating func graphRows(
    _ mistake: GraphMistake, _ prompt: GoldenPrompt, isAdapted: Bool, at positions: [Int]
  ) throws -> [Int: [Float]]? {
    guard let last = positions.last, tokensLeft > last, let model = verification.model.with(mistake) else { return nil }
    spend(last + 1)
    let sequence = TokenSequence(
      model: model, adapter: isAdapted ? adapter : nil, activationStart: isAdapted ? prompt.start : nil,
      declaredLength: prompt.tokens.count)
    let evaluator = Evaluator(
      model: model, pool: verification.evaluator.pool, instructionSet: verification.evaluator.instructionSet)
    let logits = try evaluator.evaluate([Work(sequence, tokens: Array(prompt.tokens[...last]), logits: .all)])[0]
    return Dictionary(uniqueKeysWithValues: positions.map { ($0, Array(logits[$0])) })
  }
}
