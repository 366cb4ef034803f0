internal import AloraJSON
internal import AloraInference
internal import AloraIntrinsics
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

  @Option(help: ArgumentHelp("A file with the keys that clients have to send, one in each line.", valueName: "file"))
  var apiKeyFile: String?

  @Option(help: ArgumentHelp("Let clients load adapters from this directory, and unload them.", valueName: "dir"))
  var adapterRoot: String?

  @Option(
    help: ArgumentHelp(
      "A host name, besides the loopback's, that requests may be addressed to. Repeatable.", valueName: "name"))
  var allowHost: [String] = []

  @Option(help: ArgumentHelp("The origin of a web page that may call. Repeatable.", valueName: "origin"))
  var allowOrigin: [String] = []

  @OptionGroup var computation: ServedComputationOptions

  @Option(help: ArgumentHelp("The most tokens of an answer.", valueName: "n"))
  var maxTokens = 4096

  @Option(help: ArgumentHelp("The longest time for a request.", valueName: "seconds"))
  var timeLimit = 600

  @Option(help: ArgumentHelp("The most requests computed at a time.", valueName: "n"))
  var maxActive = 32

  @Option(help: ArgumentHelp("The most requests that wait.", valueName: "n"))
  var maxWaiting = 256

  @OptionGroup var context: ContextOptions

  @OptionGroup var common: CommonOptions

  func validate() throws {
    try require((0...65535).contains(port), "--port is from 0 to 65535.")
    try require((1...1_000_000).contains(maxTokens), "--max-tokens is from 1 to 1000000.")
    try require((1...86400).contains(timeLimit), "--time-limit is from 1 to 86400.")
    try require((1...1024).contains(maxActive), "--max-active is from 1 to 1024.")
    try require((0...100_000).contains(maxWaiting), "--max-waiting is from 0 to 100000.")
  }

  func run() throws {
    let settings = try settings()
    // Before the model, which takes longer to read.
    let library = try library.map { try ServedLibrary(directory: $0).adapters } ?? []
    let state = try state(settings, library.map { NamedPath(name: $0.name, path: $0.path) })
    // From here on, each request has a budget of its own.
    MatchingBudget.endLimit()
    let (host, common) = (host, common)
    try Server(state).runAndWait { port in
      let report = ServingReport(
        host: host, port: port, baseNames: state.baseNames, adapterNames: state.adapterNames)
      common.note(report.line)
      if common.json { Console.standardOutput.write(report.json.serialized(isPretty: false) + "\n") }
    }
  }

  private func settings() throws -> ServerSettings {
    var settings = ServerSettings()
    try settings.fitToSystem()
    settings.host = host
    settings.port = port
    settings.hostNames = allowHost
    settings.origins = allowOrigin
    settings.answerLimit = maxTokens
    settings.version = aloraVersion
    if let apiKeyFile { try settings.readKeys(path: apiKeyFile) }
    if let adapterRoot { try settings.openRoot(adapterRoot) }
    return settings
  }

  private func state(_ settings: ServerSettings, _ library: [NamedPath]) throws -> ServerState {
    var limits = ServingEngine.Limits()
    limits.activeCount = maxActive
    limits.waitingCount = maxWaiting
    limits.seconds = Double(timeLimit)
    let loaded = try LoadedModel(
      served.open(), adapters: served.paths + library, pool: computation.threading.pool)
    let (model, adapters) = (loaded.model, loaded.adapters)
    do {
      let state = try ServerState(
        loaded, baseNames: alias, cacheByteLimit: computation.cacheByteLimit, limits: limits,
        isContextIgnored: context.beyondContext, settings: settings)
      served.note(adapters, of: model, comparesTemplates: state.hasChatTemplate, common)
      return state
    } catch AdapterNameError.taken(let name) {
      throw ValidationError("'\(name)' is also the base's name, or another adapter's. Give one of them another name.")
    } catch is AdapterNameError { throw ValidationError("Too many adapters.") }
  }
}
