package import AloraGeneration
package import AloraInference
internal import AloraJSON
package import AloraServing
internal import AloraTokenization

/// How a server answers.
package struct ServerOptions: Sendable {
  package var host = "127.0.0.1"
  package var port = 8080
  /// What callers have to name to be heard; empty: nothing.
  package var apiKeys: [String] = []
  /// Names, besides those of the loopback, under which a browser may address this server.
  package var hostNames: [String] = []
  /// Pages that may call, as `https://host[:port]`.
  package var origins: [String] = []
  /// The longest body of a request.
  ///
  /// Units: bytes.
  package var bodyByteLimit = 16 << 20
  /// The most tokens that one answer may have.
  package var answerLimit = 4096
  /// The most answers to one request.
  package var choiceLimit = 8
  /// Where adapters may be loaded from while the server runs; nil: nowhere.
  package var adapterRoot: String?
  /// How long open requests may take when the server is told to end.
  ///
  /// Units: seconds.
  package var graceSeconds = 30
  package var version = ""

  package init() {}
}

/// What all routes share.
package struct ServerState: Sendable {
  let engine: ServingEngine
  let registry: AdapterRegistry
  let encoder: ConversationEncoder
  let model: Model
  let endTokens: Set<Int>
  /// The same, with the token that the chat template writes after an answer.
  let chatEndTokens: Set<Int>
  let contextLimit: ContextLimit
  let options: ServerOptions
  /// When the server began, in seconds since 1970.
  let created: Int
  let use = AdapterUse()

  /// - Throws: what reading the model's end tokens throws.
  package init(
    engine: ServingEngine, registry: AdapterRegistry, encoder: ConversationEncoder, model: Model,
    contextLimit: ContextLimit, options: ServerOptions, created: Int
  ) throws {
    self.engine = engine
    self.registry = registry
    self.encoder = encoder
    self.model = model
    self.contextLimit = contextLimit
    self.options = options
    self.created = created
    endTokens = try model.source.endTokens()
    chatEndTokens = encoder.template == nil ? endTokens : endTokens.union(encoder.endOfTurn().map { [$0] } ?? [])
  }
}
