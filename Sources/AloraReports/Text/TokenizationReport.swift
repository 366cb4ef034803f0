package import AloraJSON
internal import AloraSystem
package import AloraTokenization

/// The tokens of a text or a chat.
package struct TokenizationReport {
  private let model: String
  private let tokenizer: Tokenizer
  private let tokens: [Int]
  /// A chat as the template has rendered it.
  private let prompt: String?
  private let addsSpecialTokens: Bool
  private let transformers5: Transformers5?

  /// The tokens of a tokenizer that transformers 5 builds itself.
  package struct Transformers5 {
    let className: String
    let tokens: [Int]

    package init(className: String, tokens: [Int]) {
      self.className = className
      self.tokens = tokens
    }
  }

  /// - Parameter transformers5: what transformers 5 makes of the text, if it makes something else of it.
  package init(
    model: String, tokenizer: Tokenizer, tokens: [Int], prompt: String?, addsSpecialTokens: Bool,
    transformers5: Transformers5? = nil
  ) {
    self.transformers5 = transformers5
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
      "transformers_5": transformers5.map { other in
        ["tokenizer_class": .string(other.className), "tokens": .array(other.tokens.map { .integer($0) })]
      } ?? .null,
    ])
  }

  /// Whose tokens these are, if transformers 5 makes others.
  package var note: String? {
    transformers5.map { other in
      "these are the tokens of tokenizers, transformers 4 and llama.cpp; transformers 5 makes "
        + "\(counted(other.tokens.count, "token")) of the text, because its \(other.className) doesn't take tokenizer.json as it is"
    }
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
