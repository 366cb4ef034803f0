internal import AloraModels
internal import AloraTensors
internal import AloraSystem
internal import AloraInference
internal import AloraReports
internal import AloraEngineCheck
internal import AloraTokenization
internal import AloraVerification
internal import ArgumentParser

/// The options of `alora verify --server`.
struct ServerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Check a running server: whether it applies the adapter, how strongly, and from which token.",
      valueName: "url"))
  var server: String?

  @Option(
    help: ArgumentHelp(
      "How the server is asked: llama-server, openai (vLLM, SGLang, llama-cpp-python, LM Studio) or ollama. The default is what it answers.",
      valueName: "name"))
  var engine: EngineProtocol?

  @Option(
    name: .customLong("server-adapter"),
    help: ArgumentHelp(
      "The adapter's number or name at the server. The default is the one with its invocation tokens.", valueName: "id")
  )
  var serverAdapter: String?

  @Option(
    name: .customLong("server-base"),
    help: ArgumentHelp(
      "The base's name at the server. The default is the model that adapters name as theirs.", valueName: "name"))
  var serverBase: String?

  @Option(
    name: .customLong("other-adapter"),
    help: ArgumentHelp(
      "Another adapter of the server, whose invocation the server doesn't report: its name and its file. Repeatable.",
      valueName: "name=path"))
  var otherAdapters: [String] = []

  @Option(
    name: .customLong("server-timeout"),
    help: ArgumentHelp("The timeout of a request, in seconds.", valueName: "s"))
  var serverTimeout = 120.0

  func validate() throws {
    guard serverTimeout > 0, serverTimeout <= 86_400 else {
      throw ValidationError("--server-timeout must be above 0 and at most 86400.")
    }
    guard otherAdapters.allSatisfy({ $0.contains("=") }) else {
      throw ValidationError("--other-adapter needs the name at the server and the file: name=path.")
    }
    guard server == nil else { return }
    for (isGiven, name) in [
      (engine != nil, "engine"), (serverAdapter != nil, "server-adapter"), (serverBase != nil, "server-base"),
      (!otherAdapters.isEmpty, "other-adapter"),
    ] where isGiven { throw ValidationError("--\(name) needs --server.") }
  }
}

extension EngineProtocol: ExpressibleByArgument {}

/// Checks a server and reports what fits its answers.
struct VerifyServer {
  let inference: InferenceOptions
  let options: ServerOptions
  let reports: [ReportTarget]
  let common: CommonOptions

  /// - Throws: ``ServerError``; what loading throws; ``ExitStatus/checkFailed``.
  func run(_ url: String) throws {
    let address = try ServerAddress(url)
    let engine = try options.engine ?? EngineProtocol.detected(at: address, timeout: options.serverTimeout)
    let tokenizer = try Tokenizer.tokenizerPath(ofModel: inference.model).map { try Tokenizer(path: $0) }
    let texts = try tokenizer.map { tokenizer in try ServerContexts.sampleTexts.map { try tokenizer.encode($0) } } ?? []
    // Fails before the model is loaded, which can take minutes.
    let server = try server(engine, address, tokenizer, trial: texts.first ?? [1, 2])
    _ = try server.properties()
    let loaded = try inference.load(common)
    guard let adapter = loaded.adapter else { throw ExitStatus.usage }
    var progress = Progress("asking", total: 100, isQuiet: common.quiet)
    let report = try ServerCheck(
      server: server, evaluator: loaded.evaluator, adapter: adapter,
      contexts: ServerContexts(
        texts: texts, invocation: adapter.invocationTokens, vocabularySize: loaded.model.vocabularySize),
      invocations: try invocations(loaded)
    ).run(adapter: options.serverAdapter.map(ServerAdapter.Identifier.init)) { progress.update($0 * 100 / max(1, $1)) }
    progress.finish()
    try ReportTarget.publish(
      reports, CheckList(report, model: inference.model, adapter: adapter.path),
      json: report.json(
        model: inference.model, adapter: adapter.path, adapterDigest: adapter.digest.description),
      text: TextReport(style: common.style).text(report), passed: report.passed, common
    ) {
      HTMLServerReport(
        report, model: try .init(loaded.model, path: inference.model), adapter: try .init(adapter),
        version: aloraVersion
      ).text
    }
  }

  private func server(
    _ engine: EngineProtocol, _ address: ServerAddress, _ tokenizer: Tokenizer?, trial: [Int]
  ) throws -> any InferenceServer {
    let timeout = options.serverTimeout
    guard engine != .llamaServer else { return LlamaServer(address: address, timeout: timeout) }
    let texts = tokenizer.map { tokenizer in
      TokenTexts(
        vocabularySize: tokenizer.idLimit, decode: { try? tokenizer.decode($0) },
        encode: { try? tokenizer.encode($0) })
    }
    return engine == .ollama
      ? try OllamaServer(address: address, timeout: timeout, base: options.serverBase, texts: texts)
      : try OpenAIServer(
        address: address, timeout: timeout, base: options.serverBase, texts: texts, trial: trial)
  }

  /// The invocations of the other adapters that the call names.
  private func invocations(_ loaded: LoadedModel) throws -> [ServerAdapter.Identifier: [Int]?] {
    var invocations: [ServerAdapter.Identifier: [Int]?] = [:]
    let pool = ThreadPool(threadCount: 1)
    for other in NamedPath.all(options.otherAdapters) {
      let adapter = try Adapter(path: other.path, model: loaded.model, pool: pool)
      invocations[.init(other.name)] = .some(adapter.invocationTokens)
    }
    return invocations
  }
}
