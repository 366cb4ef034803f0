package import AloraAdapters
package import AloraGeneration
package import AloraInference
internal import AloraModels

/// Where an adapter becomes active in a text.
package enum ActivationChoice: Hashable, Sendable {
  case rule(ActivationRule)
  /// The same index in every text; nil: the adapter is off.
  case given(Int?)

  /// The first adapted token; nil if the adapter is off.
  package func start(in tokens: [Int], invocation: [Int]?) -> Int? {
    switch self {
    case .rule(let rule): rule.start(in: tokens, invocation: invocation)
    case .given(let start): start
    }
  }

  package var rule: ActivationRule? { if case .rule(let rule) = self { rule } else { nil } }
}

/// Texts whose logits are wanted, and which of their positions.
package struct LogitsRequest {
  /// Nil for a chat, whose tokens may depend on the adapter's invocation.
  private let listed: [[Int]]?
  private let chat: Conversation?
  private let modelPath: String
  /// Names the file with the texts in errors.
  private let listPath: String?
  private let positions: PositionSelection
  package let activation: ActivationChoice

  /// - Parameters:
  ///   - listed: texts that are given as tokens. Empty: `conversation` is the text.
  ///   - listPath: the file with them.
  ///   - model: tokenizes the conversation.
  /// - Throws: as ``ConversationEncoder/promptTokens(_:model:invocation:)``.
  package init(
    listed: [[Int]], listPath: String?, conversation: Conversation?, model: String, positions: PositionSelection,
    activation: ActivationChoice
  ) throws {
    if let conversation {
      chat = conversation.isChat ? conversation : nil
      self.listed =
        conversation.isChat
        ? nil : [try ConversationEncoder.promptTokens(conversation, model: model, invocation: nil)]
    } else {
      (chat, self.listed) = (nil, listed)
    }
    modelPath = model
    self.listPath = listPath
    self.positions = positions
    self.activation = activation
  }

  /// Whether the positions have to be listed in the output: it doesn't hold all.
  package var listsPositions: Bool { positions != .named(.all) }

  /// Whether there is one text that is computed at once, so that weights can be read as it goes.
  ///
  /// - Parameter chunk: how many tokens are computed at once, at most.
  package func isOnePass(chunk: Int) -> Bool { listed?.count == 1 && listed?[0].count ?? .max <= chunk }

  /// The texts, with their adapters and positions.
  ///
  /// - Throws: `tooLong`, `positionOutsideText`; what tokenizing a chat throws; as ``ControlTokens``.
  package func texts(_ loaded: LoadedModel, _ limit: ContextLimit) throws -> [LogitsRecorder.Text] {
    let texts = try listed ?? chat.map { [try tokens(of: $0, loaded.adapter)] } ?? []
    return try texts.enumerated().map { index, tokens in
      try limit.check(tokens.count, name: texts.count == 1 ? "the text" : "text \(index)", path: listPath)
      let slot = try slot(of: tokens, loaded)
      let start =
        slot.map(\.start)
        ?? loaded.adapter.flatMap { activation.start(in: tokens, invocation: $0.invocationTokens) }
      return LogitsRecorder.Text(
        tokens: tokens, adapter: slot?.adapter, activationStart: start,
        positions: try positions.positions(tokenCount: tokens.count, start: start))
    }
  }

  private func tokens(of chat: Conversation, _ adapter: Adapter?) throws -> [Int] {
    try ConversationEncoder.promptTokens(chat, model: modelPath, invocation: adapter?.invocationTokens)
  }

  /// The adapter that a text switches on by itself, of a model with adapters of its own.
  private func slot(of tokens: [Int], _ loaded: LoadedModel) throws -> ControlTokens.Chosen? {
    let found = try loaded.model.source.controlTokens?.adapter(
      of: tokens, asked: loaded.adapter, name: loaded.adapter.map { _ in "adapter" }, among: loaded.builtIn)
    // An ordinary adapter has its own options.
    return found?.adapter.controlToken == nil ? nil : found
  }
}
