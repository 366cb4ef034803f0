package import AloraGeneration
package import AloraModels
internal import AloraTemplates
internal import AloraTokenization

/// What an intrinsic's checks need of its base.
package struct IntrinsicBase {
  let encoder: ConversationEncoder
  /// The tokens' texts, as bytes.
  let tokens: [[UInt8]]

  /// - Throws: what reading the tokenizer and the chat template throws.
  package init(source: ModelSource) throws {
    self.init(
      ConversationEncoder(tokenizer: try source.tokenizer(), template: try source.chatTemplate(), path: source.path))
  }

  package init(_ encoder: ConversationEncoder) {
    self.encoder = encoder
    let tokenizer = encoder.tokenizer
    tokens = (0..<tokenizer.idLimit).map { token in
      // A token without text is none of a value.
      tokenizer.isSpecial(token) ? [] : (try? tokenizer.bytes(of: token)) ?? []
    }
  }
}
