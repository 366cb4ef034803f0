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
    text = try tokenizer?.decode(tokens)
    isLegacy = false
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
