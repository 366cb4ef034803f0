internal import AloraSystem
package import AloraInference

/// A file of prompts, an object on each line.
package struct PromptFile {
  private let path: String
  private let lines: [PromptLine]

  /// - Throws: ``FileError``, ``JSONError``; ``InferenceError`` `noTokens` for a file without prompts.
  package init(path: String) throws {
    self.path = path
    lines = try PromptLine.all(path: path)
    guard !lines.isEmpty else { throw InferenceError(.noTokens, path: path, problem: "there are no prompts") }
  }

  /// The prompts as tokens of a model.
  ///
  /// - Parameters:
  ///   - invocation: an Activated LoRA's invocation; nil: a plain LoRA.
  ///   - frame: the parts of chats besides their messages.
  ///   - isChat: whether a text is a user's message.
  /// - Throws: what the tokenizer and the chat template throw; ``InferenceError`` `noTokens` for a prompt without any.
  package func prompts(
    model: String, invocation: [Int]?, frame: ChatFrame = ChatFrame(), isChat: Bool = false
  ) throws -> [NamedPrompt] {
    let needsTokenizer = lines.contains { if case .tokens = $0.content { false } else { true } }
    let needsTemplate = lines.contains {
      switch $0.content {
      case .messages: true
      case .text: isChat
      case .tokens: false
      }
    }
    let encoder = needsTokenizer ? try ConversationEncoder(model: model, needsTemplate: needsTemplate) : nil
    return try lines.enumerated().map { index, line in
      let tokens =
        switch line.content {
        case .tokens(let ids): ids
        case .text(let text):
          try encoder?.tokens(
            Conversation(text: .text(text), isChat: isChat, frame: frame), invocation: invocation) ?? []
        case .messages(let messages):
          try encoder?.tokens(of: messages, frame: frame, invocation: invocation) ?? []
        }
      let name = line.name ?? "prompt \(index)"
      guard !tokens.isEmpty else { throw InferenceError(.noTokens, path: path, problem: "\(name) has no tokens") }
      return NamedPrompt(name: name, tokens: tokens)
    }
  }
}
