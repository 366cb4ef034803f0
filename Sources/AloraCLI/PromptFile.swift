internal import AloraInference
internal import AloraJSON
internal import AloraTokenization
internal import AloraVerification

/// Prompts in a file, an object on each line, as tokens of a model.
struct PromptFile {
  let model: String
  /// What an adapter is switched on by; nil: an ordinary LoRA.
  let invocation: [Int]?

  private enum Content {
    case text(String)
    case tokens([Int])
    case messages(JSON)
  }

  /// - Throws: ``FileError``, ``JSONError``; what the tokenizer and the chat template throw. ``InferenceError`` `noTokens` for
  ///   a file or a prompt without any.
  func prompts(path: String) throws -> [VerificationPrompt] {
    let items = try JSONLines.map(path: path, Self.content)
    guard !items.isEmpty else { throw InferenceError(.noTokens, path: path, problem: "there are no prompts") }
    let needsTokenizer = items.contains { if case .tokens = $0.content { false } else { true } }
    let needsTemplate = items.contains { if case .messages = $0.content { true } else { false } }
    let tokenizer = needsTokenizer ? try Tokenizer(path: try BaseTokenizer.path(model)) : nil
    let template = needsTemplate ? try ChatTemplate.ofModel(model) : nil
    guard template != nil || !needsTemplate else {
      throw TokenizationError(
        .missingTokenizer, path: model, problem: "the model has no chat template for messages",
        remedy: "give the prompts as text or as tokens")
    }
    return try items.enumerated().map { index, item in
      var tokens: [Int] = []
      switch item.content {
      case .tokens(let ids): tokens = ids
      case .text(let text): tokens = try tokenizer?.encode(text) ?? []
      case .messages(let messages):
        guard let template, let tokenizer else { break }
        tokens = try ChatPrompt(template: template, tokenizer: tokenizer).tokens(messages, invocation: invocation)
      }
      let name = item.name ?? "prompt \(index)"
      guard !tokens.isEmpty else { throw InferenceError(.noTokens, path: path, problem: "\(name) has no tokens") }
      return VerificationPrompt(name: name, tokens: tokens)
    }
  }

  private static func content(_ line: JSON) throws(JSONError) -> (name: String?, content: Content) {
    var found: [Content] = []
    for key in ["text", "prompt"] {
      if let text = try line[optional: key] { found.append(.text(try text.string())) }
    }
    if let tokens = try line[optional: "tokens"] {
      found.append(.tokens(try tokens.integers(in: 0...Int(Int32.max))))
    }
    if let messages = try line[optional: "messages"] { found.append(.messages(messages)) }
    guard found.count == 1 else {
      throw line.error(.missing, "a prompt has one of text, prompt, tokens and messages, found \(found.count)")
    }
    let id = try line[optional: "id"]
    let name = try id.map { (id) throws(JSONError) in id.kind == .integer ? String(try id.integer()) : try id.string() }
    return (name, found[0])
  }
}
