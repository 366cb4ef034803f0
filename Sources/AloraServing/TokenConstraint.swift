/// Limits what one text may consist of, token by token: to a JSON schema, for example. Each text has a value of its own.
package protocol TokenConstraint: Sendable {
  /// Makes each token that may not come next impossible: its logit becomes minus infinity.
  ///
  /// - Parameter logits: of the whole vocabulary.
  /// - Throws: if the vocabulary can't continue the text.
  mutating func mask(_ logits: inout [Float]) throws

  /// Takes the token that comes next.
  ///
  /// - Returns: false if the text is complete.
  mutating func take(_ token: Int) throws -> Bool
}
