package import AloraSchemas
package import AloraTokenization

/// A schema that a generated text has to fit, and the vocabulary that it is written in.
///
/// Requests that share one share its masks.
package final class SchemaDecoding: Sendable {
  let schema: CompiledSchema
  let vocabulary: SchemaVocabulary

  /// - Parameter vocabulary: from ``vocabulary(of:endTokens:)``; one for all schemas of a model.
  package init(_ schema: CompiledSchema, _ vocabulary: SchemaVocabulary) {
    self.schema = schema
    self.vocabulary = vocabulary
  }

  /// A tokenizer's vocabulary, prepared for masks.
  ///
  /// - Parameter endTokens: the tokens that end an answer; they are allowed exactly where the value is complete.
  /// - Throws: ``TokenizationError``.
  package static func vocabulary(of tokenizer: Tokenizer, endTokens: Set<Int>) throws -> SchemaVocabulary {
    var tokens: [[UInt8]] = []
    for token in 0..<tokenizer.idLimit { tokens.append(try tokenizer.bytes(of: token)) }
    return try SchemaVocabulary(tokens, endTokens: endTokens)
  }
}

/// A text on its way through a schema.
struct ConstrainedText {
  private let masks: SchemaMasks
  private var place: SchemaMasks.Place
  /// What may come next.
  private(set) var mask: TokenMask

  init(_ masks: SchemaMasks) throws {
    self.masks = masks
    place = try masks.start()
    mask = try masks.mask(at: place)
  }

  /// - Returns: whether the text goes on.
  /// - Throws: `noToken` where the vocabulary cannot continue a text that is not complete.
  mutating func take(_ token: Int) throws -> Bool {
    guard !masks.vocabulary.ends(token), let next = try masks.place(after: token, from: place) else { return false }
    place = next
    mask = try masks.mask(at: place)
    guard !mask.isEmpty || place.isComplete else { throw Generator.noToken }
    return !mask.isEmpty
  }
}
