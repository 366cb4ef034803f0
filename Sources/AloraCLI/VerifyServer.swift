internal import AloraInference
internal import AloraSystem
internal import AloraReports
internal import AloraEngineCheck
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
    help: ArgumentHelp(
      "The adapter's number or name at the server. The default is the one with its invocation tokens.", valueName: "id")
  )
  var serverAdapter: String?

  @Option(
    help: ArgumentHelp(
      "The base's name at the server. The default is the model that adapters name as theirs.", valueName: "name"))
  var serverBase: String?

  @Option(
    name: .customLong("other-adapter"),
    help: ArgumentHelp(
      "Another adapter of the server, whose invocation the server doesn't report: its name and its file. Repeatable.",
      valueName: "name=path"))
  var otherAdapters: [String] = []

  @Option(help: ArgumentHelp("The timeout of a request, in seconds.", valueName: "s"))
  var serverTimeout = 120.0

  func validate() throws {
    try require(
      serverTimeout > 0 && serverTimeout <= 86_400, "--server-timeout must be above 0 and at most 86400.")
    try require(
      otherAdapters.allSatisfy { $0.contains("=") },
      "--other-adapter needs the name at the server and the file: name=path.")
    for (isGiven, name) in [
      (engine != nil, "engine"), (serverAdapter != nil, "server-adapter"), (serverBase != nil, "server-base"),
      (!otherAdapters.isEmpty, "other-adapter"),
    ] { try require(server != nil || !isGiven, "--\(name) needs --server.") }
  }
}

extension EngineProtocol: ExpressibleByArgument {}

extension VerifyCommand {
  /// Checks a server and reports what fits its answers.
  ///
  /// - Throws: ``ServerError``; what loading throws; ``ExitStatus/checkFailed``.
  func verifyServer(at url: String) throws {
    let options = serverOptions
    let server = try CheckedServer(
      at: ServerAddress(url), engine: options.engine, timeout: options.serverTimeout, base: options.serverBase,
      model: inference.model)
    let (loaded, adapter) = try inference.loadWithAdapter(common)
    let check = try server.check(of: adapter, loaded, others: NamedPath.all(options.otherAdapters))
    let result = try common.withProgress("asking") { update in
      try check.run(adapter: options.serverAdapter.map(ServerAdapter.Identifier.init)) {
        update($0 * 10_000 / max(1, $1))
      }
    }
    try common.publish(ServerReport(result, model: inference.model, adapter: adapter), to: reports) {
      HTMLServerReport(
        result, model: try .init(loaded.model, path: inference.model), adapter: try .init(adapter),
        version: aloraVersion
      ).text
    }
  }
}
