import AloraSchemas

/// A JSON schema, and a text to follow it with.
enum FuzzSchema {
  /// Single bytes, pairs of them, and an end token.
  private static let vocabulary = Result {
    let pairs = "{}[]\":, -019.eatrufnlsx\\".utf8.map { $0 }
    let tokens = (0..<256).map { [UInt8($0)] } + pairs.flatMap { first in pairs.map { [first, $0] } } + [[]]
    return try SchemaVocabulary(tokens, endTokens: [tokens.count - 1])
  }

  /// Compiles the schema, then follows the second part as choices among the tokens that each mask allows.
  ///
  /// A mask must never be empty before the value is complete: then a text could get stuck.
  static func read(_ parts: [[UInt8]]) throws {
    let vocabulary = try vocabulary.get()
    let masks = SchemaMasks(try CompiledSchema(text: parts[0]), vocabulary)
    var text = try SchemaText(masks)
    for choice in (parts.count > 1 ? parts[1] : Array(repeating: 7, count: 20)).prefix(200) {
      let allowed = (0..<vocabulary.tokenCount).filter { text.mask.contains($0) }
      guard !allowed.isEmpty else { fatalError("a mask allows nothing") }
      let token = allowed[(Int(choice) * 37 + allowed.count / 3) % allowed.count]
      guard text.isComplete == text.mask.contains(vocabulary.tokenCount - 1) else {
        fatalError("the end token is not allowed exactly where the value is complete")
      }
      guard try text.advance(token) else { return }
    }
  }
}
