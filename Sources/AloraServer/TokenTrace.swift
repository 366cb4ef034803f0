internal import AloraGeneration
internal import AloraJSON
internal import AloraServing
internal import AloraTokenization

/// The tokens of a prompt and its answer one by one: which of them ran with the adapter, and which came from the cache.
///
/// An answer has them with the header `X-Alora-Debug: tokens`.
struct TokenTrace: Sendable {
  let question: Question
  /// How many of the prompt's tokens came from the cache.
  let reusedCount: Int

  private func entry(_ position: Int, _ token: Int, _ text: String) -> JSONValue {
    let start = question.adapter == nil ? nil : question.generation.activationStart
    return [
      "token": .integer(token), "text": .string(text), "adapted": .boolean(start.map { position >= $0 } ?? false),
      "cached": .boolean(position < reusedCount),
    ]
  }

  /// The prompt's tokens. Their texts, joined, are the prompt, special tokens included.
  ///
  /// - Throws: ``TokenizationError`` `patternFailed`.
  func prompt(_ tokenizer: Tokenizer) throws(TokenizationError) -> [JSONValue] {
    var stream = TextStream(tokenizer, skipsSpecialTokens: false)
    var texts: [String] = []
    for token in question.generation.tokens { texts.append(try stream.add(token)) }
    let rest = try stream.finish()
    if !texts.isEmpty { texts[texts.count - 1] += rest }
    return zip(question.generation.tokens, texts).enumerated().map { entry($0, $1.0, $1.1) }
  }

  /// Tokens of the answer.
  ///
  /// - Parameter first: how many of them come before.
  func answer(_ pieces: [ServedText.Piece], after first: Int) -> [JSONValue] {
    pieces.enumerated().map { entry(question.generation.tokens.count + first + $0, $1.token.token, $1.text) }
  }
}

/// The trace of an answer that is sent in parts.
struct StreamedTrace: Sendable {
  private var trace: TokenTrace?
  private var count = 0

  /// - Returns: the prompt's tokens; nil if nobody wants them.
  /// - Throws: ``TokenizationError`` `patternFailed`.
  mutating func begin(
    _ question: Question, _ reusedCount: Int, _ tokenizer: Tokenizer
  ) throws(TokenizationError) -> [JSONValue]? {
    guard question.wantsTokens else { return nil }
    let trace = TokenTrace(question: question, reusedCount: reusedCount)
    self.trace = trace
    return try trace.prompt(tokenizer)
  }

  /// - Returns: the entries of the tokens that come next.
  mutating func take(_ pieces: [ServedText.Piece]) -> [JSONValue]? {
    defer { count += pieces.count }
    return trace?.answer(pieces, after: count)
  }
}
