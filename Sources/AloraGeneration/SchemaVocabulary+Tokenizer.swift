package import AloraSchemas
package import AloraTokenization

extension SchemaVocabulary {
  /// A tokenizer's vocabulary, prepared for masks; one serves all schemas.
  ///
  /// - Parameters:
  ///   - tokenCount: how many tokens the model has logits for.
  ///   - endTokens: the tokens that end an answer; they are allowed exactly where the value is complete.
  /// - Throws: ``TokenizationError``.
  package init(of tokenizer: Tokenizer, tokenCount: Int, endTokens: Set<Int>) throws {
    var tokens: [[UInt8]] = []
    for token in 0..<min(tokenizer.idLimit, tokenCount) { tokens.append(try tokenizer.bytes(of: token)) }
    try self.init(tokens, endTokens: endTokens)
  }
}
