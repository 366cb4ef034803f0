internal import AloraEngineCheck
internal import AloraReports
internal import AloraSystem
internal import ArgumentParser

/// `alora bench serve`.
struct ServeBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "serve",
    abstract: "Measure running servers with conversations that call the base and every adapter in turn.",
    usage: "alora bench serve [<options>] --server <[name=]url> …",
    discussion: """
      Example:
        alora serve --model base.gguf --adapter a=one --adapter b=two &
        alora bench serve --server http://127.0.0.1:8080 --plot serve.svg

      The servers, alora's or llama-server's, must have the same model and Activated LoRAs. Each conversation has a context of \
      its own that the base continues; then every adapter is called on that text, and the base goes on. The servers are \
      measured by turns, with the same texts. What the later ones have is compared with the first one's.
      """)

  @Option(
    help: ArgumentHelp(
      "The address of a running server, and a name for it. The default is the build that it reports. Repeatable.",
      valueName: "[name=]url"))
  var server: [String] = []

  @Option(help: ArgumentHelp("The context lengths, in tokens.", valueName: "n,n,…"))
  var contexts = "1024,4096"

  @Option(help: ArgumentHelp("The number of conversations at once.", valueName: "n"))
  var conversations = 8

  @Option(help: ArgumentHelp("How many tokens each answer has.", valueName: "n"))
  var generated = 16

  @Option(help: ArgumentHelp("How often to measure each server. The medians count.", valueName: "n"))
  var repeats = 1

  @Option(help: ArgumentHelp("The timeout of a request, in seconds.", valueName: "s"))
  var serverTimeout = 600.0

  @OptionGroup var plot: PlotOptions

  @OptionGroup var common: CommonOptions

  func validate() throws {
    try require(!server.isEmpty, "serve needs --server.")
    _ = try contextCounts(in: contexts)
    try require(
      (1...256).contains(conversations) && (1...10_000).contains(generated) && (1...1000).contains(repeats)
        && serverTimeout > 0 && serverTimeout <= 86_400,
      "--conversations, --generated, --repeats or --server-timeout is out of range.")
  }

  func run() throws {
    let file = try plot.file()
    let servers = try MeasuredServer.all(server, timeout: serverTimeout)
    let load = try ConversationLoad(servers)
    let plan = ConversationLoad.Plan(
      contextCounts: try contextCounts(in: contexts), conversationCount: conversations, generatedCount: generated,
      repeats: repeats)
    let figures = try common.withProgress("measuring") { update in
      try load.figures(plan) { update($0 * 10_000 / max(1, $1)) }
    }
    let report = ConversationLoadReport(
      servers: servers.map { (name: $0.name, address: "\($0.address)") }, plan: plan,
      adapterCount: load.invocations.count, figures: figures)
    try file?.commit(Array(report.plot.utf8))
    common.write(report.json, text: report.text)
  }
}
