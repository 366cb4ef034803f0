internal import AloraGeneration
internal import AloraInference
internal import AloraIntrinsics
internal import AloraModels
internal import AloraJSON
internal import AloraRegex
internal import AloraReports
internal import AloraServer
internal import AloraServing
internal import AloraSwitch
internal import AloraSystem
internal import ArgumentParser

/// `alora serve`: a model and its adapters over HTTP.
struct ServeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Serve a base model and its adapters over HTTP, on one cache.",
    discussion: """
      Example:
        alora serve --model base.gguf --adapter check=my-adapter --port 8080

      Clients of OpenAI's API, llama-server and Ollama can use it unchanged. A request chooses an adapter by its name: as the \
      model, as chat_template_kwargs.adapter_name, or with llama-server's lora list. An Activated LoRA is active from the last \
      occurrence of its invocation in the prompt; in a chat, the invocation is added where the assistant's answer begins. \
      Everything that the base weights have computed is reused, by the base and by every adapter.
      """)

  @OptionGroup var served: ServedModelOptions

  @Option(
    help: ArgumentHelp(
      "A directory that alora convert --recursive --index wrote: all its adapters.", valueName: "dir"))
  var library: String?

  @Option(
    help: ArgumentHelp(
      "A name by which clients may call the base. The default is the file's name. Repeatable.", valueName: "name"))
  var alias: [String] = []

  @Option(help: ArgumentHelp("The address to listen on.", valueName: "address"))
  var host = "127.0.0.1"

  @Option(help: ArgumentHelp("The port to listen on; 0 takes a free one.", valueName: "n"))
  var port = 8080

  @Option(
    name: .customLong("api-key-file"),
    help: ArgumentHelp("A file with the keys that clients have to send, one in each line.", valueName: "file"))
  var apiKeyFile: String?

  @Option(
    name: .customLong("adapter-root"),
    help: ArgumentHelp("Let clients load adapters from this directory, and unload them.", valueName: "dir"))
  var adapterRoot: String?

  @Option(
    name: .customLong("allow-host"),
    help: ArgumentHelp(
      "A host name, besides the loopback's, that requests may be addressed to. Repeatable.", valueName: "name"))
  var allowHost: [String] = []

  @Option(
    name: .customLong("allow-origin"),
    help: ArgumentHelp("The origin of a web page that may call. Repeatable.", valueName: "origin"))
  var allowOrigin: [String] = []

  @OptionGroup var computation: ServedComputationOptions

  @Option(name: .customLong("max-tokens"), help: ArgumentHelp("The most tokens of an answer.", valueName: "n"))
  var maxTokens = 4096

  @Option(name: .customLong("time-limit"), help: ArgumentHelp("The longest time for a request.", valueName: "seconds"))
  var timeLimit = 600

  @Option(name: .customLong("max-active"), help: ArgumentHelp("The most requests computed at a time.", valueName: "n"))
  var maxActive = 32

  @Option(name: .customLong("max-waiting"), help: ArgumentHelp("The most requests that wait.", valueName: "n"))
  var maxWaiting = 256

  @OptionGroup var context: ContextOptions

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard (0...65535).contains(port) else { throw ValidationError("--port is from 0 to 65535.") }
    guard (1...1_000_000).contains(maxTokens) else { throw ValidationError("--max-tokens is from 1 to 1000000.") }
    guard (1...86400).contains(timeLimit) else { throw ValidationError("--time-limit is from 1 to 86400.") }
    guard (1...1024).contains(maxActive) else { throw ValidationError("--max-active is from 1 to 1024.") }
    guard (0...100_000).contains(maxWaiting) else { throw ValidationError("--max-waiting is from 0 to 100000.") }
  }

  func run() throws {
    try Server.checkSurroundings()
    var options = ServerSettings()
    options.connectionLimit = try ConnectionCount.available(wanted: options.connectionLimit)
    options.host = host
    options.port = port
    options.hostNames = allowHost
    options.origins = allowOrigin
    options.answerLimit = maxTokens
    options.version = aloraVersion
    if let apiKeyFile { try options.readKeys(path: apiKeyFile) }
    if let adapterRoot { try options.openRoot(adapterRoot) }
    let (server, registry) = try server(options)
    // From here on, each request has a budget of its own.
    MatchingBudget.endLimit()
    let (host, common) = (host, common)
    try server.runAndWait { port in
      let report = ServingReport(
        host: host, port: port, baseNames: registry.baseNames, adapterNames: registry.adapters.map(\.name))
      common.note(report.line)
      if common.json { Console.standardOutput.write(report.json.serialized(isPretty: false) + "\n") }
    }
  }

  private func server(_ options: ServerSettings) throws -> (Server, AdapterRegistry) {
    // Before the model, which takes longer to read.
    let ofLibrary = try library.map { try ServedLibrary(directory: $0).adapters } ?? []
    let pool = computation.pool
    let opened = try served.open()
    let loaded = try Model(source: opened.source, pool: pool)
    let encoder = try ConversationEncoder(
      tokenizer: loaded.source.tokenizer(), template: loaded.source.chatTemplate(), path: served.model)
    let registry = AdapterRegistry(baseNames: alias.isEmpty ? [ModelSource.name(ofPath: served.model)] : alias)
    let adapters = try served.adapters(
      ofLibrary.map { NamedPath(name: $0.name, path: $0.path) }, of: loaded,
      builtIn: opened.adapters, pool, comparesTemplates: encoder.template != nil, common)
    for (name, adapter) in adapters {
      do { try registry.add(adapter, named: name) } catch AdapterNameError.taken {
        throw ValidationError("'\(name)' is also the base's name, or another adapter's. Give one of them another name.")
      } catch { throw ValidationError("Too many adapters.") }
    }
    var limits = ServingEngine.Limits()
    limits.activeCount = maxActive
    limits.waitingCount = maxWaiting
    limits.seconds = Double(timeLimit)
    let state = try ServerState(
      model: loaded, pool: pool, encoder: encoder, registry: registry, cacheByteLimit: computation.cacheByteLimit,
      limits: limits, isContextIgnored: context.beyondContext, settings: options)
    return (Server(state), registry)
  }
}
