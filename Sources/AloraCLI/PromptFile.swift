internal import AloraModels
internal import AloraSystem
internal import AloraTemplates
internal import AloraInference
internal import AloraTokenization
internal import AloraVerification

/// Prompts in a file, an object on each line, as tokens of a model.
struct PromptFile {
  let model: String
  /// What an adapter is switched on by; nil: an ordinary LoRA.
  let invocation: [Int]?

  /// - Throws: ``FileError``, ``JSONError``; what the tokenizer and the chat template throw. ``InferenceError`` `noTokens` for
  ///   a file or a prompt without any.
  func prompts(path: String) throws -> [VerificationPrompt] {
    let items = try PromptLine.all(path: path)
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
}
