package import AloraGeneration
package import AloraJSON
internal import AloraSystem
internal import AloraTokenization

/// The tokens of a text or a chat.
package struct TokenizationReport {
  private let model: String
  private let text: TokenizedText

  package init(model: String, _ text: TokenizedText) {
    self.model = model
    self.text = text
  }

  /// Schema: schemas/tokenize.schema.json.
  package var json: JSONValue {
    .members([
      "model": .string(text.tokenizer.path ?? model),
      "prompt": text.prompt.map { .string($0) },
      "adds_special_tokens": .boolean(text.addsSpecialTokens),
      "count": .integer(text.tokens.count),
      "tokens": .array(text.tokens.map { .integer($0) }),
      "pieces": .array(text.tokens.map { .string(text.tokenizer.piece(of: $0) ?? "") }),
      "transformers_5": text.transformers5.map { other in
        ["tokenizer_class": .string(other.className), "tokens": .array(other.tokens.map { .integer($0) })]
      } ?? .null,
    ])
  }

  /// Whose tokens these are, if transformers 5 makes others.
  package var note: String? {
    text.transformers5.map { other in
      "these are the tokens of tokenizers, transformers 4 and llama.cpp; transformers 5 makes "
        + "\(counted(other.tokens.count, "token")) of the text, because its \(other.className) doesn't take tokenizer.json as it is"
    }
  }

  /// The ids alone, in one line.
  package var idText: String { text.tokens.map(String.init).joined(separator: " ") + "\n" }

  /// A token per line, with its spelling.
  package var table: String {
    var table = ColumnTable(rightAligned: [0])
    for token in text.tokens { table.add([String(token), text.tokenizer.piece(of: token) ?? ""]) }
    return table.text
  }
}
