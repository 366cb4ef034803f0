package import AloraGeneration
package import AloraInference
internal import AloraJSON
internal import AloraModels
internal import AloraRegex
internal import AloraSchemas
package import AloraServing
internal import AloraTokenization

/// How a server answers.
package struct ServerSettings: Sendable {
  package var host = "127.0.0.1"
  package var port = 8080
  /// Callers have to send one of these keys. Empty: anybody may call.
  package var apiKeys: [String] = []
  /// Names by which requests may address this server, besides its addresses and `localhost`. Ignored if there are keys.
  package var hostNames: [String] = []
  /// Origins of web pages that may call, as `https://host[:port]`.
  package var origins: [String] = []
  /// The longest body of a request.
  ///
  /// Units: bytes.
  package var bodyByteLimit = 8 << 20
  /// The longest time for a body to arrive.
  ///
  /// Units: seconds.
  package var bodySeconds = 60.0
  /// The longest time for which a caller may take nothing of an answer.
  ///
  /// Units: seconds.
  package var writeSeconds = 60.0
  /// The most connections at a time. Further ones wait.
  package var connectionLimit = 512
  /// The most tokens that one answer may have.
  package var answerLimit = 4096
  /// The most answers to one request.
  package var choiceLimit = 8
  /// Where adapters may be loaded from while the server runs; nil: nowhere.
  package var adapterRoot: String?
  /// The time that requests have to finish when the server ends.
  ///
  /// Units: seconds.
  package var graceSeconds = 30
  package var version = ""

  package init() {}
}

/// The state that all routes share.
package struct ServerState: Sendable {
  let engine: ServingEngine
  let registry: AdapterRegistry
  let encoder: ConversationEncoder
  let model: Model
  let endTokens: Set<Int>
  /// The same, with the token that the chat template writes after an answer.
  let chatEndTokens: Set<Int>
  let contextLimit: ContextLimit
  let settings: ServerSettings
  /// When the server began, in seconds since 1970.
  let created: Int
  let use = AdapterUse()
  let schemas: SchemaCache

  /// - Throws: errors of reading the model's end tokens; ``TokenizationError``.
  package init(
    engine: ServingEngine, registry: AdapterRegistry, encoder: ConversationEncoder, model: Model,
    contextLimit: ContextLimit, settings: ServerSettings, created: Int
  ) throws {
    self.engine = engine
    self.registry = registry
    self.encoder = encoder
    self.model = model
    self.contextLimit = contextLimit
    self.settings = settings
    self.created = created
    endTokens = try model.source.endTokens()
    chatEndTokens = try encoder.endTokens(of: model.source, isChat: encoder.template != nil)
    schemas = SchemaCache(
      try SchemaVocabulary(of: encoder.tokenizer, tokenCount: model.vocabularySize, endTokens: chatEndTokens))
  }
}

extension ServerState {
  var tokenRange: ClosedRange<Int> { 0...max(0, model.vocabularySize - 1) }

  /// Turns a request's text into tokens. It has a budget of its own for the tokenizer's patterns.
  func tokens<Result>(_ body: (ConversationEncoder) throws -> Result) throws -> Result {
    try MatchingBudget.withOwn { try body(encoder) }
  }
}
