internal import AloraInference

extension Diagnosis {
  /// Padding that was masked out when the golden was made.
  ///
  /// At the left: without the first tokens, the base gives the golden rows. At the right: rows match up to the padding.
  /// - Throws: ``InferenceError``, ``FileError``.
  mutating func padding(_ prompt: GoldenPrompt) throws -> GoldenMistake.Padding? {
    let isOfBase = !prompt.golden.base.isEmpty
    let golden = isOfBase ? prompt.golden.base : prompt.golden.adapted
    let computed = isOfBase ? prompt.baseRows : prompt.adaptedRows
    let positions = golden.keys.sorted()
    let failing = positions.filter {
      !prompt.tolerance.accepts(RowComparison.relative(expected: golden[$0], found: computed[$0]))
    }
    guard let first = failing.first, let last = positions.last, let token = prompt.tokens.first,
      let end = prompt.tokens.last
    else { return nil }
    let tail = prompt.tokens[first...]
    if positions.contains(where: { $0 < first }), failing == positions.filter({ $0 >= first }),
      tail.allSatisfy({ $0 == end }), isOfBase || tail.count > 1
    {
      return .init(side: .right, token: end, count: tail.count)
    }
    let run = prompt.tokens.prefix { $0 == token }.count
    // The text itself may begin with the padding token, for example if that is also the beginning of text.
    for count in Set([run, run - 1, 1]).sorted(by: >) where count > 0 && count <= last && failing.contains(last) {
      guard try rowFits(prompt, without: count, at: last, golden[last], isAdapted: !isOfBase) else { continue }
      return .init(side: .left, token: token, count: count)
    }
    return nil
  }

  /// Whether the prompt without its first tokens gives a golden row.
  private mutating func rowFits(
    _ prompt: GoldenPrompt, without count: Int, at position: Int, _ golden: [Float]?, isAdapted: Bool
  ) throws -> Bool {
    let tokens = Array(prompt.tokens[count...position])
    let start = isAdapted ? prompt.start.flatMap { $0 >= count ? $0 - count : nil } : nil
    guard tokensLeft > tokens.count else { return false }
    spend(tokens.count)
    let sequence = TokenSequence(
      model: verification.model, adapter: isAdapted ? adapter : nil, activationStart: start,
      declaredLength: tokens.count)
    var row: [Float]?
    try verification.finish([sequence], tokens, at: [tokens.count - 1]) { _, logits in
      row = Array(logits[tokens.count - 1])
    }
    return prompt.tolerance.accepts(RowComparison.relative(expected: golden, found: row))
  }
}
