package import AloraJSON
internal import AloraGeneration
internal import AloraSchemas
package import AloraServing
package import AloraTokenization

/// Constraints from JSON schemas, by masks over the model's vocabulary. All requests share the masks of a schema.
package struct SchemaForms: AnswerForms {
  private let cache: SchemaCache

  /// - Parameters:
  ///   - tokenCount: how many tokens the model has logits for.
  ///   - endTokens: the tokens that end an answer.
  /// - Throws: ``TokenizationError``.
  package init(_ tokenizer: Tokenizer, tokenCount: Int, endTokens: Set<Int>) throws {
    cache = SchemaCache(try SchemaVocabulary(of: tokenizer, tokenCount: tokenCount, endTokens: endTokens))
  }

  /// - Throws: ``SchemaError``.
  package func constraint(schema: JSON?) throws -> any TokenConstraint {
    let text = schema?.serialized ?? #"{"type":"object"}"#
    return SchemaAnswer(text: try SchemaText(cache.masks(of: Array(text.utf8))))
  }
}

private struct SchemaAnswer: TokenConstraint {
  var text: SchemaText

  func mask(_ logits: inout [Float]) throws {
    var isAny = false
    for token in logits.indices {
      if text.mask.contains(token) { isAny = true } else { logits[token] = -.infinity }
    }
    guard isAny else { throw SchemaError.vocabularyTooSmall }
  }

  mutating func take(_ token: Int) throws -> Bool { try text.advance(token) }
}
