internal import AloraGeneration
internal import AloraInference
internal import AloraModels
internal import AloraServer
internal import AloraServing
internal import AloraSystem
internal import ArgumentParser

/// `alora serve`: a model and its adapters over HTTP.
struct ServeCommand: AsyncParsableCommand {
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

  @Option(help: ArgumentHelp("The base model: a Hugging Face directory or a GGUF.", valueName: "dir|gguf"))
  var model: String

  @Option(
    help: ArgumentHelp(
      "A LoRA adapter and a name for it. The default names are adapter, adapter2, … Repeatable.",
      valueName: "[name=]dir|gguf"))
  var adapter: [String] = []

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
    help: ArgumentHelp("A host name, besides the loopback's, that requests may be addressed to. Repeatable.", valueName: "name"))
  var allowHost: [String] = []

  @Option(
    name: .customLong("allow-origin"),
    help: ArgumentHelp("A web page's origin from which a browser may call. Repeatable.", valueName: "origin"))
  var allowOrigin: [String] = []

  @Option(help: ArgumentHelp("The number of threads. The default is one per processor.", valueName: "n"))
  var threads: Int?

  @Option(name: .customLong("cache-limit"), help: ArgumentHelp("The prefix cache's size.", valueName: "megabytes"))
  var cacheLimit = 2048

  @Option(name: .customLong("max-tokens"), help: ArgumentHelp("The most tokens of an answer.", valueName: "n"))
  var maxTokens = 4096

  @Option(name: .customLong("max-active"), help: ArgumentHelp("The most requests computed at a time.", valueName: "n"))
  var maxActive = 32

  @Option(name: .customLong("max-waiting"), help: ArgumentHelp("The most requests that wait.", valueName: "n"))
  var maxWaiting = 256

  @OptionGroup var context: ContextOptions

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard (0...65535).contains(port) else { throw ValidationError("--port is from 0 to 65535.") }
    guard (1...1024).contains(threads ?? 1) else { throw ValidationError("--threads is from 1 to 1024.") }
    guard (0...1 << 40).contains(cacheLimit) else { throw ValidationError("--cache-limit is not negative.") }
    guard (1...1_000_000).contains(maxTokens) else { throw ValidationError("--max-tokens is from 1 to 1000000.") }
    guard (1...1024).contains(maxActive) else { throw ValidationError("--max-active is from 1 to 1024.") }
    guard (0...100_000).contains(maxWaiting) else { throw ValidationError("--max-waiting is from 0 to 100000.") }
    try NamedPath.check(adapter)
  }

  func run() async throws {
    var options = ServerOptions()
    options.host = host
    options.port = port
    options.hostNames = allowHost
    options.origins = allowOrigin
    options.answerLimit = maxTokens
    options.version = aloraVersion
    if let apiKeyFile { options.apiKeys = try ServerKeys.read(path: apiKeyFile) }
    if let adapterRoot {
      guard let root = FileSystem.canonicalPath(adapterRoot), FileSystem.kind(of: root) == .directory else {
        throw ServerStartError(path: adapterRoot, "it is not a directory")
      }
      options.adapterRoot = root
    }
    let (server, names) = try server(options)
    let note = common
    do {
      try await server.run { port in
        note.note("listening on http://\(host.contains(":") ? "[\(host)]" : host):\(port), serving \(names)")
      }
    } catch let error as any DiagnosedError {
      throw error
    } catch {
      throw ServerStartError(address: "\(host):\(port)", error)
    }
  }

  private func server(_ options: ServerOptions) throws -> (Server, names: String) {
    let pool = ThreadPool(threadCount: threads ?? ThreadPool.processorCount)
    let loaded = try Model(path: model, pool: pool)
    let encoder = try ConversationEncoder(source: loaded.source, template: loaded.source.chatTemplate())
    let registry = AdapterRegistry(baseNames: alias.isEmpty ? [loaded.source.name] : alias)
    for named in NamedPath.all(adapter) {
      let adapter = try Adapter(path: named.path, modelPath: model, model: loaded, pool: pool)
      common.note(of: adapter)
      try registry.add(adapter, named: named.name)
    }
    var limits = ServingEngine.Limits()
    limits.activeCount = maxActive
    limits.waitingCount = maxWaiting
    let product = cacheLimit.multipliedReportingOverflow(by: 1_000_000)
    let byteLimit = product.overflow ? Int.max : product.partialValue
    limits.tokenCount = max(1, byteLimit / max(1, loaded.cacheBytesPerToken))
    let engine = ServingEngine(
      evaluator: Evaluator(model: loaded, pool: pool), cache: PrefixCache(model: loaded, byteLimit: byteLimit),
      limits: limits)
    let state = try ServerState(
      engine: engine, registry: registry, encoder: encoder, model: loaded,
      contextLimit: ContextLimit(loaded, isIgnored: context.beyondContext), options: options, created: WallClock.seconds)
    return (Server(state), (registry.baseNames + registry.adapters.map(\.name)).joined(separator: ", "))
  }
}

/// Why a server can't begin.
private struct ServerStartError: DiagnosedError {
  let path: String?
  let place: String?
  let problem: String
  let remedy: Remedy?
  var category: ErrorCategory { .inputOutput }

  init(path: String, _ problem: String) {
    self.path = path
    place = nil
    self.problem = problem
    remedy = nil
  }

  init(address: String, _ error: any Error) {
    path = nil
    place = address
    problem = "the address can't be listened on: \(error)"
    remedy = "choose another port, or end what uses it"
  }
}

/// The keys in a file: one in each line; empty lines and those that begin with # don't count.
private enum ServerKeys {
  static func read(path: String) throws -> [String] {
    let file = try MappedFile(path: path)
    let lines = String(decoding: try file.read(0..<file.byteCount), as: UTF8.self).split(whereSeparator: \.isNewline)
    let keys = lines.map { $0.drop { $0.isWhitespace } }.map { line in
      String(line.reversed().drop { $0.isWhitespace }.reversed())
    }.filter { !$0.isEmpty && !$0.hasPrefix("#") }
    guard !keys.isEmpty else { throw ServerStartError(path: path, "there is no key in the file") }
    return keys
  }
}
