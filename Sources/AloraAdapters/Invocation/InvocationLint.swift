package import AloraTokenization

/// Checks an invocation for problems that occur in practice.
package struct InvocationLint: Sendable {
  private let tokenizer: Tokenizer
  private let adapterTokenizer: Tokenizer?
  private let generationPrompts: [String]

  /// - Parameters:
  ///   - tokenizer: the base's.
  ///   - adapterTokenizer: the one saved beside the adapter, if any.
  ///   - generationPrompts: ordinary prompts, as the base's chat template renders them.
  package init(tokenizer: Tokenizer, adapterTokenizer: Tokenizer? = nil, generationPrompts: [String] = []) {
    self.tokenizer = tokenizer
    self.adapterTokenizer = adapterTokenizer
    self.generationPrompts = generationPrompts
  }

  /// Everything found, the worst first.
  ///
  /// - Throws: `patternFailed`.
  package func findings(_ invocation: Invocation) throws(TokenizationError) -> [InvocationFinding] {
    guard !invocation.tokens.isEmpty else {
      return [
        InvocationFinding(
          .empty, .error, "the sequence has no tokens, so it is found nowhere",
          fix: "give the adapter at least one invocation token")
      ]
    }
    let unknown = outsideVocabulary(invocation)
    var findings = [unknown, legacy(invocation), serverMisses(invocation)].compactMap { $0 }
    if unknown == nil, let text = invocation.text {
      if let finding = try retokenizes(invocation, text) {
        findings.append(finding)
      } else {
        findings += [try firstTokenMerges(invocation, text), try lastTokenMerges(invocation, text)].compactMap { $0 }
      }
      findings += [
        try containsAddedToken(invocation), try inGenerationPrompt(invocation), try tokenizersDiffer(invocation, text),
      ].compactMap { $0 }
    }
    // Stable: findings of one severity stay in the order above.
    return findings.sorted { $0.severity > $1.severity }
  }

  private func outsideVocabulary(_ invocation: Invocation) -> InvocationFinding? {
    let unknown = invocation.tokens.filter { tokenizer.piece(of: $0) == nil }
    guard !unknown.isEmpty else { return nil }
    return InvocationFinding(
      .outsideVocabulary, .error,
      "the base's vocabulary (ids 0 to \(tokenizer.idLimit - 1)) has no token \(Self.list(unknown)), so no text has it",
      fix: "give the base that the adapter was trained on, or the tokenizer that it was trained with")
  }

  private func legacy(_ invocation: Invocation) -> InvocationFinding? {
    guard invocation.isLegacy else { return nil }
    return InvocationFinding(
      .legacy, .info,
      "the adapter names its invocation by text; such adapters become active one token after it begins, so the first "
        + "token is left out, and the shorter sequence may occur where the whole does not",
      fix: "convert it with alora convert, which stores these tokens")
  }

  private func retokenizes(_ invocation: Invocation, _ text: String) throws(TokenizationError) -> InvocationFinding? {
    var tokens = try tokenizer.encode(text, addsSpecialTokens: false)
    if invocation.isLegacy { tokens = Array(tokens.dropFirst()) }
    guard tokens != invocation.tokens else { return nil }
    return InvocationFinding(
      .retokenizes, .warning,
      "the text of the sequence becomes other tokens, \(Self.list(tokens)), so a prompt made as text never activates",
      fix: "train with the tokens that the text becomes, or append the sequence as tokens instead of text",
      example: text)
  }

  /// Characters that may stand beside the sequence.
  private static let neighbours: [String] =
    [" ", "\n", "\n\n", ".", "a", "A", "1", "  ", "é", "日", "😀", "\t", "\r\n"]
    + (0x21...0x7E).compactMap { Unicode.Scalar($0).map { String($0) } }

  private func firstTokenMerges(
    _ invocation: Invocation, _ text: String
  ) throws(TokenizationError) -> InvocationFinding? {
    for neighbour in Self.neighbours {
      let tokens = try tokenizer.encode(neighbour + text, addsSpecialTokens: false)
      if tokens.suffix(invocation.tokens.count).elementsEqual(invocation.tokens) { continue }
      return InvocationFinding(
        .firstTokenMerges, .warning,
        "behind \(neighbour.debugDescription) the text becomes other tokens, \(Self.list(tokens)), and is not found",
        fix: "begin the sequence with a control token of the base", example: neighbour + text)
    }
    return nil
  }

  private func lastTokenMerges(
    _ invocation: Invocation, _ text: String
  ) throws(TokenizationError) -> InvocationFinding? {
    let whole = try tokenizer.encode(text, addsSpecialTokens: false)
    for neighbour in Self.neighbours {
      let tokens = try tokenizer.encode(text + neighbour, addsSpecialTokens: false)
      if tokens.starts(with: whole) { continue }
      return InvocationFinding(
        .lastTokenMerges, .warning,
        "before \(neighbour.debugDescription) the text becomes other tokens, \(Self.list(tokens)), and is not found",
        fix: "end the sequence with a control token of the base, or let nothing but generated tokens follow it",
        example: text + neighbour)
    }
    return nil
  }

  private func containsAddedToken(_ invocation: Invocation) throws(TokenizationError) -> InvocationFinding? {
    let added = Set(try tokenizer.encode("", addsSpecialTokens: true))
    guard let index = invocation.tokens.firstIndex(where: added.contains) else { return nil }
    let token = invocation.tokens[index]
    return InvocationFinding(
      .containsAddedToken, .warning,
      "token \(token) (\(tokenizer.piece(of: token) ?? "")) is one that the tokenizer puts around every text: the "
        + "sequence is found at a prompt's very start only, or where the token is written out",
      fix: "tokenize the sequence without added special tokens, and train again")
  }

  private func inGenerationPrompt(_ invocation: Invocation) throws(TokenizationError) -> InvocationFinding? {
    guard !generationPrompts.isEmpty else { return nil }
    for prompt in generationPrompts {
      let tokens = try tokenizer.encode(prompt, addsSpecialTokens: false)
      if InvocationSearch.lastOccurrence(of: invocation.tokens, in: tokens) == nil { return nil }
    }
    return InvocationFinding(
      .inGenerationPrompt, .warning,
      "the base's chat template writes the sequence into ordinary prompts, so the adapter is active in each of them",
      fix: "choose a sequence of its own, unless the adapter is meant for every answer", example: generationPrompts[0])
  }

  private func serverMisses(_ invocation: Invocation) -> InvocationFinding? {
    guard let tail = InvocationSearch.serverMiss(of: invocation.tokens) else { return nil }
    let prompt = invocation.tokens + tail
    // A control token is seldom repeated; an ordinary one (a line's end, say) easily is.
    let isLikely = !tail.allSatisfy(tokenizer.isSpecial)
    return InvocationFinding(
      .serverMisses, isLikely ? .warning : .info,
      "llama-server does not find the sequence where its end \(Self.list(tail)) is repeated behind it: the base answers, "
        + "without a word",
      fix: "keep that token from following the sequence, or end it with a token that never stands twice",
      example: Self.list(prompt))
  }

  private func tokenizersDiffer(
    _ invocation: Invocation, _ text: String
  ) throws(TokenizationError) -> InvocationFinding? {
    guard let adapterTokenizer else { return nil }
    let fix = "use the tokenizer of the base that is deployed, and train again or correct the tokens"
    if let token = invocation.tokens.first(where: { adapterTokenizer.piece(of: $0) != tokenizer.piece(of: $0) }) {
      return InvocationFinding(
        .tokenizersDiffer, .error,
        "token \(token) is \((tokenizer.piece(of: token) ?? "").debugDescription) for the base and "
          + "\((adapterTokenizer.piece(of: token) ?? "").debugDescription) for the adapter's own tokenizer", fix: fix)
    }
    let theirs = try adapterTokenizer.encode(text, addsSpecialTokens: false)
    let ours = try tokenizer.encode(text, addsSpecialTokens: false)
    guard theirs != ours else { return nil }
    return InvocationFinding(
      .tokenizersDiffer, .error,
      "the text becomes \(Self.list(ours)) for the base and \(Self.list(theirs)) for the adapter's own tokenizer",
      fix: fix, example: text)
  }

  private static func list(_ tokens: [Int]) -> String { "[\(tokens.map(String.init).joined(separator: ", "))]" }
}
