package import AloraAdapters
internal import AloraJSON
internal import AloraModels
internal import AloraSystem
internal import AloraTemplates
package import AloraTokenization

/// What switches an adapter on, how that can break, and which prompts do it.
package struct InvocationSurvey {
  package let adapterPath: String
  package let source: AdapterSource
  /// Nil for a plain LoRA.
  package let invocation: Invocation?
  /// The base's, or the one saved beside the adapter.
  package let tokenizer: Tokenizer?
  package let tokenizerPath: String?
  /// The worst first.
  package let findings: [InvocationFinding]
  /// Why ordinary prompts weren't checked: what reading or rendering the chat template threw.
  package let templateProblem: (any Error)?
  /// What the adapter's own tokenizer and chat template say that the base's don't.
  package let companions: [CompanionFinding]
  /// Whose chat template counts.
  private let modelPath: String

  /// Reads an adapter's configuration and checks its invocation. The weights aren't read.
  ///
  /// - Parameter base: the base model's path; nil if only the adapter is known.
  /// - Throws: as ``AdapterSource/invocation(_:)``; ``TokenizationError`` `missingTokenizer` if the base has none.
  package init(adapterPath: String, base: String?) throws {
    self.adapterPath = adapterPath
    source = try AdapterSource(path: adapterPath, readsWeights: false)
    try source.checkInvocation()
    let own = source.tokenizerPath
    tokenizerPath = try base.map(Self.tokenizerPath(ofBase:)) ?? own
    tokenizer = try tokenizerPath.map { try Tokenizer(path: $0) }
    invocation = try source.invocation(tokenizer)
    modelPath = base ?? adapterPath
    companions =
      if let base, let tokenizer {
        CompanionFinding.findings(adapter: adapterPath, base: base, tokenizer: { tokenizer })
      } else { [] }
    guard let invocation, let tokenizer else {
      (findings, templateProblem) = ([], nil)
      return
    }
    let adapterTokenizer = own == tokenizerPath ? nil : try own.map { try Tokenizer(path: $0) }
    var prompts: [String] = []
    do {
      prompts = try Self.ordinaryPrompts(modelPath, tokenizer)
      templateProblem = nil
    } catch { templateProblem = error }
    findings = try InvocationLint(
      tokenizer: tokenizer, adapterTokenizer: adapterTokenizer, generationPrompts: prompts
    ).findings(invocation)
  }

  /// The tokens of a prompt, as the model gets them.
  ///
  /// - Throws: ``TokenizationError`` `missingTokenizer`; what the template and tokenizing throw.
  package func tokens(of conversation: Conversation, addsSpecialTokens: Bool) throws -> [Int] {
    try tokens(of: conversation, encoder(for: conversation), addsSpecialTokens: addsSpecialTokens)
  }

  /// What transformers 5 makes of a prompt, if it makes something else of it.
  ///
  /// - Throws: as ``tokens(of:addsSpecialTokens:)``.
  package func transformers5Tokens(
    of conversation: Conversation, addsSpecialTokens: Bool, unlike tokens: [Int]
  ) throws -> (className: String, tokens: [Int])? {
    try encoder(for: conversation).transformers5Tokens(unlike: tokens) { encoder in
      try self.tokens(of: conversation, encoder, addsSpecialTokens: addsSpecialTokens)
    }
  }

  private func tokens(
    of conversation: Conversation, _ encoder: ConversationEncoder, addsSpecialTokens: Bool
  ) throws -> [Int] {
    try encoder.tokens(conversation, invocation: invocation?.tokens, addsSpecialTokens: addsSpecialTokens)
  }

  private func encoder(for conversation: Conversation) throws -> ConversationEncoder {
    guard let tokenizer else {
      throw TokenizationError(
        .missingTokenizer, path: adapterPath, problem: "there is no tokenizer for the prompt", remedy: .nameTokenizer)
    }
    return ConversationEncoder(
      tokenizer: tokenizer, template: conversation.isChat ? try ChatTemplate.ofModel(modelPath) : nil, path: modelPath)
  }

  private static func tokenizerPath(ofBase base: String) throws -> String {
    if let path = Tokenizer.tokenizerPath(ofModel: base) { return path }
    // Its error says what is there instead.
    _ = try Tokenizer(path: base)
    throw TokenizationError(.missingTokenizer, path: base, problem: "the base has no tokenizer")
  }

  /// Ordinary prompts of a model; none if it has no chat template.
  private static func ordinaryPrompts(_ model: String, _ tokenizer: Tokenizer) throws -> [String] {
    guard let template = try ChatTemplate.ofModel(model) else { return [] }
    let encoder = ConversationEncoder(tokenizer: tokenizer, template: template, path: model)
    return try ["Hi", "What is the capital of France?"].map { text in
      try encoder.text(of: [ChatMessages.message("user", text)])
    }
  }
}
