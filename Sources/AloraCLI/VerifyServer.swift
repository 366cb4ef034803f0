internal import AloraModels
internal import AloraTensors
internal import AloraSystem
internal import AloraInference
internal import AloraJSON
internal import AloraReports
internal import AloraEngineCheck
internal import AloraTokenization
internal import AloraVerification
internal import ArgumentParser

/// The options of `alora verify --server`.
struct ServerOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "Check a running llama-server: whether it applies the adapter, how strongly, and from which token.",
      valueName: "url"))
  var server: String?

  @Option(
    name: .customLong("server-adapter"),
    help: ArgumentHelp(
      "The adapter's id at the server. The default is the one with its invocation tokens.", valueName: "id"))
  var serverAdapter: String?

  @Option(
    name: .customLong("server-timeout"),
    help: ArgumentHelp("The timeout of a request, in seconds.", valueName: "s"))
  var serverTimeout = 120.0

  func validate() throws {
    guard serverTimeout > 0, serverTimeout <= 86_400 else {
      throw ValidationError("--server-timeout must be above 0 and at most 86400.")
    }
    guard server != nil || serverAdapter == nil else { throw ValidationError("--server-adapter needs --server.") }
  }
}

/// Checks a server and reports what fits its answers.
struct VerifyServer {
  let inference: InferenceOptions
  let options: ServerOptions
  let reports: [ReportTarget]
  let common: CommonOptions

  /// - Throws: ``ServerError``; what loading throws; ``ExitStatus/checkFailed``.
  func run(_ url: String) throws {
    let server = LlamaServer(address: try ServerAddress(url), timeout: options.serverTimeout)
    // Fails before the model is loaded, which can take minutes.
    _ = try server.properties()
    let loaded = try inference.load(common)
    guard let adapter = loaded.adapter else { throw ExitStatus.usage }
    var progress = Progress("asking", total: 100, isQuiet: common.quiet)
    let report = try ServerCheck(
      server: server, evaluator: loaded.evaluator, adapter: adapter,
      contexts: ServerContexts(
        texts: try texts(), invocation: adapter.invocationTokens, vocabularySize: loaded.model.vocabularySize)
    ).run(adapter: options.serverAdapter.map(ServerAdapter.Identifier.init)) { progress.update($0 * 100 / max(1, $1)) }
    progress.finish()
    try ReportTarget.publish(
      reports, CheckList(report, model: inference.model, adapter: adapter.path),
      json: report.json(
        model: inference.model, adapter: adapter.path, adapterDigest: adapter.digest.description),
      text: TextReport(style: Console.standardOutput.style).text(report), passed: report.passed, common
    ) {
      HTMLServerReport(
        report, model: try .init(loaded.model, path: inference.model), adapter: try .init(adapter),
        version: aloraVersion
      ).text
    }
  }

  private func texts() throws -> [[Int]] {
    guard let path = Tokenizer.tokenizerPath(ofModel: inference.model) else { return [] }
    let tokenizer = try Tokenizer(path: path)
    return try ServerContexts.sampleTexts.map { try tokenizer.encode($0) }
  }
}
