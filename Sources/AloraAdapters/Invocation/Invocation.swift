package import AloraTokenization

/// The token sequence that activates an adapter.
package struct Invocation: Hashable, Sendable {
  package let tokens: [Int]
  /// The sequence as it appears in a prompt; nil without a tokenizer.
  ///
  /// For a legacy adapter this is the whole `invocation_string`; `tokens` omits its first token.
  package let text: String?
  /// Whether it comes from a legacy adapter's `invocation_string`.
  package let isLegacy: Bool

  /// An invocation given by its tokens.
  ///
  /// - Throws: `patternFailed`.
  package init(tokens: [Int], tokenizer: Tokenizer?) throws(TokenizationError) {
    self.tokens = tokens
    text = try tokenizer.map { tokenizer throws(TokenizationError) in try Self.text(of: tokens, tokenizer) }
    isLegacy = false
  }

  /// The text that becomes the tokens, if there is one; otherwise what they are decoded to.
  ///
  /// Decoding writes a space for each word of a SentencePiece vocabulary, also after a control token, where encoding adds
  /// the mark itself: such runs are decoded one by one.
  private static func text(of tokens: [Int], _ tokenizer: Tokenizer) throws(TokenizationError) -> String {
    let whole = try tokenizer.decode(tokens)
    guard try tokenizer.encode(whole, addsSpecialTokens: false) != tokens else { return whole }
    var text = ""
    var run: [Int] = []
    for token in tokens {
      if tokenizer.isSpecial(token) {
        text += try tokenizer.decode(run)
        text += try tokenizer.decode([token])
        run = []
      } else {
        run.append(token)
      }
    }
    text += try tokenizer.decode(run)
    return try tokenizer.encode(text, addsSpecialTokens: false) == tokens ? text : whole
  }

  /// A legacy adapter's invocation: the string's tokens without special ones around them, less the first, because such
  /// adapters were trained to become active one token after the string begins.
  ///
  /// - Throws: `patternFailed`.
  package init(legacyString string: String, tokenizer: Tokenizer) throws(TokenizationError) {
    tokens = Array(try tokenizer.encode(string, addsSpecialTokens: false).dropFirst())
    text = string
    isLegacy = true
  }
}
