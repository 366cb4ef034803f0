package import AloraInference
internal import AloraModels
package import AloraSystem
internal import AloraTokenization

/// A server that is to be checked, opened before the model, which can take minutes to load.
package struct CheckedServer {
  private let server: any InferenceServer
  /// Texts to make prompts from, as tokens.
  private let texts: [[Int]]

  /// - Parameters:
  ///   - engine: nil: what the server answers.
  ///   - base: the base's name at the server; nil: what its adapters name.
  ///   - model: the base model's path.
  /// - Throws: ``ServerError``; what reading the model's tokenizer throws.
  package init(
    at address: ServerAddress, engine: EngineProtocol?, timeout: Double, base: String?, model: String
  ) throws {
    let engine = try engine ?? EngineProtocol.detected(at: address, timeout: timeout)
    let tokenizer = try Tokenizer.tokenizerPath(ofModel: model).map { try Tokenizer(path: $0) }
    texts = try tokenizer.map { tokenizer in try ServerContexts.sampleTexts.map { try tokenizer.encode($0) } } ?? []
    let trial = texts.first ?? [1, 2]
    server =
      switch engine {
      case .llamaServer: LlamaServer(address: address, timeout: timeout)
      case .ollama:
        try OllamaServer(address: address, timeout: timeout, base: base, texts: tokenizer.map { TokenTexts($0) })
      case .openAI:
        try OpenAIServer(
          address: address, timeout: timeout, base: base, texts: tokenizer.map { TokenTexts($0) }, trial: trial)
      }
    _ = try server.properties()
  }

  /// The check of an adapter.
  ///
  /// - Parameter others: other adapters of the server, by their names there, whose invocations it doesn't report.
  /// - Throws: what loading the other adapters throws.
  package func check(of adapter: Adapter, _ loaded: LoadedModel, others: [NamedPath]) throws -> ServerCheck {
    var invocations: [ServerAdapter.Identifier: [Int]?] = [:]
    let pool = ThreadPool(threadCount: 1)
    for other in others {
      let adapter = try Adapter(path: other.path, model: loaded.model, pool: pool)
      invocations[.init(other.name)] = .some(adapter.invocationTokens)
    }
    return ServerCheck(
      server: server, evaluator: loaded.evaluator, adapter: adapter,
      contexts: ServerContexts(
        texts: texts, invocation: adapter.invocationTokens, vocabularySize: loaded.model.vocabularySize),
      invocations: invocations)
  }
}
