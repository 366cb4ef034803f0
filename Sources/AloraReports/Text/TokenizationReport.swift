package import AloraJSON
package import AloraTokenization

/// The tokens of a text or a chat.
package struct TokenizationReport {
  private let model: String
  private let tokenizer: Tokenizer
  private let tokens: [Int]
  /// A chat as the template has rendered it.
  private let prompt: String?
  private let addsSpecialTokens: Bool

  package init(model: String, tokenizer: Tokenizer, tokens: [Int], prompt: String?, addsSpecialTokens: Bool) {
    self.model = model
    self.tokenizer = tokenizer
    self.tokens = tokens
    self.prompt = prompt
    self.addsSpecialTokens = addsSpecialTokens
  }

  /// Schema: schemas/tokenize.schema.json.
  package var json: JSONValue {
    .members([
      "model": .string(tokenizer.path ?? model),
      "prompt": prompt.map { .string($0) },
      "adds_special_tokens": .boolean(addsSpecialTokens),
      "count": .integer(tokens.count),
      "tokens": .array(tokens.map { .integer($0) }),
      "pieces": .array(tokens.map { .string(tokenizer.piece(of: $0) ?? "") }),
    ])
  }

  /// The ids alone, in one line.
  package var idText: String { tokens.map(String.init).joined(separator: " ") + "\n" }

  /// A token per line, with its spelling.
  package var text: String {
    var table = ColumnTable(rightAligned: [0])
    for token in tokens { table.add([String(token), tokenizer.piece(of: token) ?? ""]) }
    return table.text
  }
}
