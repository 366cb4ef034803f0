package import AloraTokenization

/// A text or a chat, and what it becomes.
package struct TokenizedText {
  package let tokenizer: Tokenizer
  package let tokens: [Int]
  /// A chat as the template has rendered it; nil for a plain text.
  package let prompt: String?
  /// Whether the tokenizer's special tokens are around it.
  package let addsSpecialTokens: Bool
  /// What transformers 5 makes of it, if it makes something else of it.
  package let transformers5: (className: String, tokens: [Int])?

  /// - Parameters:
  ///   - model: the path of a model or of a tokenizer.
  ///   - addsGenerationPrompt: whether a chat ends where the assistant's answer begins.
  ///   - addsSpecialTokens: whether a plain text gets the special tokens that the tokenizer adds.
  /// - Throws: as ``ConversationEncoder/init(model:needsTemplate:)`` and
  ///   ``ConversationEncoder/tokens(_:invocation:addsSpecialTokens:)``.
  package init(
    _ conversation: Conversation, model: String, addsGenerationPrompt: Bool, addsSpecialTokens: Bool
  ) throws {
    let encoder = try ConversationEncoder(model: model, needsTemplate: conversation.isChat)
    var text: String?
    if case .chat(let messages) = conversation.content {
      text = try encoder.text(of: messages, frame: conversation.frame, addsGenerationPrompt: addsGenerationPrompt)
    }
    func tokens(_ encoder: ConversationEncoder) throws -> [Int] {
      try text.map { try encoder.tokenizer.encode($0, addsSpecialTokens: false) }
        ?? encoder.tokens(conversation, invocation: nil, addsSpecialTokens: addsSpecialTokens)
    }
    let own = try tokens(encoder)
    transformers5 = try encoder.transformers5Tokens(unlike: own, tokens)
    tokenizer = encoder.tokenizer
    self.tokens = own
    prompt = text
    self.addsSpecialTokens = addsSpecialTokens && text == nil
  }
}
