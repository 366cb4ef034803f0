package import AloraTokenization

/// The texts of a model's tokens, for servers that take prompts as text or name tokens by their text.
package struct TokenTexts: Sendable {
  private let decode: @Sendable ([Int]) -> String?
  private let encode: @Sendable (String) -> [Int]?
  /// The tokens with each text.
  private let tokens: [[UInt8]: [Int]]

  /// - Parameters:
  ///   - decode: the text of tokens, special ones included; nil if they have none.
  ///   - encode: the tokens that the model reads in a text, with those that are added at its start.
  package init(
    vocabularySize: Int, decode: @escaping @Sendable ([Int]) -> String?,
    encode: @escaping @Sendable (String) -> [Int]?
  ) {
    self.decode = decode
    self.encode = encode
    var tokens: [[UInt8]: [Int]] = [:]
    for token in 0..<max(0, vocabularySize) {
      guard let text = decode([token]), !text.isEmpty else { continue }
      tokens[Array(text.utf8), default: []].append(token)
    }
    self.tokens = tokens
  }

  package init(_ tokenizer: Tokenizer) {
    self.init(
      vocabularySize: tokenizer.idLimit, decode: { try? tokenizer.decode($0) }, encode: { try? tokenizer.encode($0) })
  }

  /// The text that is read as exactly these tokens; nil if no text is.
  func text(of prompt: [Int]) -> String? {
    // A token that is added at the start must not be in the text.
    for part in [prompt[...], prompt.dropFirst()] where !part.isEmpty {
      if let text = decode(Array(part)), encode(text) == prompt { return text }
    }
    return nil
  }

  /// The candidates whose text is that of one token only.
  ///
  /// Some servers leave out the blank before a word. If no text begins with one, a text may mean either token.
  func candidates(_ named: [NamedCandidate]) -> [CompletionAnswer.Candidate] {
    let keepsBlanks = named.contains { candidate in
      if case .text(let text) = candidate.name { text.utf8.first == 0x20 } else { false }
    }
    var candidates: [CompletionAnswer.Candidate] = []
    var seen: Set<Int> = []
    for candidate in named {
      let found: Int?
      switch candidate.name {
      case .number(let number): found = number
      case .text(let text): found = token(text, keepsBlanks: keepsBlanks)
      }
      guard let found, candidate.logProbability > -80, seen.insert(found).inserted else { continue }
      candidates.append(.init(token: found, logProbability: candidate.logProbability))
    }
    return candidates
  }

  private func token(_ text: String, keepsBlanks: Bool) -> Int? {
    // Bytes that aren't a character have the same text, whichever they are.
    guard !text.unicodeScalars.contains("\u{FFFD}") else { return nil }
    let bytes = Array(text.utf8)
    let found = (tokens[bytes] ?? []) + (keepsBlanks ? [] : tokens[[0x20] + bytes] ?? [])
    return found.count == 1 ? found[0] : nil
  }
}
