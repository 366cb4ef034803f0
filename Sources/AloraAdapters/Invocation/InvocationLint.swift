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
    guard !invocation.tokens.isEmpty else { return [.empty] }
    let unknown = outsideVocabulary(invocation)
    var findings = [unknown, invocation.isLegacy ? .legacy : nil, serverMisses(invocation)].compactMap { $0 }
    if unknown == nil, let text = invocation.text {
      if let finding = try retokenizes(invocation, text) {
        findings.append(finding)
      } else {
        findings += [
          try transformers5Differs(invocation, text), try firstTokenMerges(invocation, text),
          try lastTokenMerges(invocation, text),
        ].compactMap { $0 }
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
    return unknown.isEmpty ? nil : .outsideVocabulary(tokens: unknown, idLimit: tokenizer.idLimit)
  }

  private func retokenizes(_ invocation: Invocation, _ text: String) throws(TokenizationError) -> InvocationFinding? {
    var tokens = try tokenizer.encode(text, addsSpecialTokens: false)
    if invocation.isLegacy { tokens = Array(tokens.dropFirst()) }
    guard tokens != invocation.tokens else { return nil }
    if let built, try builtTokens(invocation, text, built) == invocation.tokens {
      return .madeByTransformers5(text: text, className: built.className, others: tokens)
    }
    return .retokenizes(text: text, tokens: tokens)
  }

  /// A sequence that only the other versions of transformers make of the text.
  private func transformers5Differs(
    _ invocation: Invocation, _ text: String
  ) throws(TokenizationError) -> InvocationFinding? {
    guard let built else { return nil }
    let tokens = try builtTokens(invocation, text, built)
    guard tokens != invocation.tokens else { return nil }
    return .transformers5Differs(text: text, className: built.className, tokens: tokens)
  }

  /// What transformers 5 makes of an invocation's text.
  private func builtTokens(
    _ invocation: Invocation, _ text: String, _ built: BuiltTokenizer
  ) throws(TokenizationError) -> [Int] {
    let tokens = try built.tokenizer().encode(text, addsSpecialTokens: false)
    return invocation.isLegacy ? Array(tokens.dropFirst()) : tokens
  }

  /// The tokenizer that transformers 5 builds for the base; the adapter's own files may tell it if the base's don't.
  private var built: BuiltTokenizer? { tokenizer.built ?? adapterTokenizer?.built }

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
      return .firstTokenMerges(neighbour: neighbour, text: text, tokens: tokens)
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
      return .lastTokenMerges(text: text, neighbour: neighbour, tokens: tokens)
    }
    return nil
  }

  private func containsAddedToken(_ invocation: Invocation) throws(TokenizationError) -> InvocationFinding? {
    let added = Set(try tokenizer.encode("", addsSpecialTokens: true))
    return invocation.tokens.first(where: added.contains).map {
      .containsAddedToken($0, piece: tokenizer.piece(of: $0))
    }
  }

  private func inGenerationPrompt(_ invocation: Invocation) throws(TokenizationError) -> InvocationFinding? {
    for prompt in generationPrompts {
      let tokens = try tokenizer.encode(prompt, addsSpecialTokens: false)
      if InvocationSearch.lastOccurrence(of: invocation.tokens, in: tokens) == nil { return nil }
    }
    return generationPrompts.first.map { .inGenerationPrompt(prompt: $0) }
  }

  private func serverMisses(_ invocation: Invocation) -> InvocationFinding? {
    guard let tail = InvocationSearch.serverMiss(of: invocation.tokens) else { return nil }
    // A control token is seldom repeated; an ordinary one (a line's end, say) easily is.
    let isLikely = !tail.allSatisfy(tokenizer.isSpecial)
    return .serverMisses(invocation: invocation.tokens, tail: tail, isLikely: isLikely)
  }

  private func tokenizersDiffer(
    _ invocation: Invocation, _ text: String
  ) throws(TokenizationError) -> InvocationFinding? {
    guard let adapterTokenizer else { return nil }
    if let token = invocation.tokens.first(where: { adapterTokenizer.piece(of: $0) != tokenizer.piece(of: $0) }) {
      return .pieceDiffers(token: token, base: tokenizer.piece(of: token), adapter: adapterTokenizer.piece(of: token))
    }
    let theirs = try adapterTokenizer.encode(text, addsSpecialTokens: false)
    let ours = try tokenizer.encode(text, addsSpecialTokens: false)
    return theirs == ours ? nil : .tokensDiffer(text: text, base: ours, adapter: theirs)
  }
}
