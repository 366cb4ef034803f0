internal import AloraSystem
internal import AloraGeneration
internal import AloraInference
internal import AloraJSON
internal import AloraReports
internal import AloraSchemas
internal import AloraSwitch
internal import ArgumentParser

/// `alora run`: text from a base and its adapters.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Generate text with a base model and its adapters, on one cache.",
    discussion: """
      Examples:
        alora run --model base.gguf --prompt "The capital of France is" -n 8
        alora run --model base.gguf --adapter check=my-adapter --chat \\
            --prompt "Who wrote Faust?"
        alora run --model base.gguf --adapter a=one --adapter b=two.gguf \\
            --chat --script turns.jsonl --json

      Without a prompt and without --script, alora answers the lines of standard input; type /help there. An Activated LoRA is \
      active from the last occurrence of its invocation in the prompt; in a chat, the invocation is added where the \
      assistant's answer begins. Everything that the base weights have computed is reused, by the base and by every adapter. \
      The cache never changes the text.
      """)

  @OptionGroup var served: ServedModelOptions

  @Option(
    help: ArgumentHelp(
      "The adapter that answers the prompt, or base. The default is the first adapter.", valueName: "name"))
  var use: String?

  @OptionGroup var conversation: ConversationOptions

  @Option(
    help: ArgumentHelp(
      "A conversation: a JSON object per line with prompt or messages, and adapter, limit, seed, role, reset or fork; or a list of such objects to answer together.",
      valueName: "jsonl"))
  var script: String?

  @Option(
    name: [.customShort("n"), .long], help: ArgumentHelp("The maximum number of tokens to generate.", valueName: "n"))
  var limit = 256

  @OptionGroup var sampling: SamplingArguments

  @Option(help: ArgumentHelp("Stop before this text. Repeatable.", valueName: "text"))
  var stop: [String] = []

  @Option(
    help: ArgumentHelp(
      "Answer with JSON that fits this JSON Schema: a file, or a text that begins with '{'.", valueName: "file|json"))
  var schema: String?

  @Flag(help: "Answer with any JSON object.")
  var jsonObject = false

  @Flag(name: .customLong("ignore-end"), help: "Continue after the tokens that end an answer.")
  var ignoresEnd = false

  @OptionGroup var computation: ServedComputationOptions

  @Option(help: ArgumentHelp("Start with a saved cache.", valueName: "file"))
  var loadCache: String?

  @Option(help: ArgumentHelp("Save the cache at the end.", valueName: "file"))
  var saveCache: String?

  @Flag(help: "Replace an existing cache file.")
  var force = false

  @OptionGroup var context: ContextOptions

  @Flag(help: "With --json, show the two most probable tokens and the distance of their logits at each step.")
  var margins = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    try requireFile(saveCache, option: "--save-cache")
    try require(!conversation.isGiven || script == nil, "Give a prompt or --script, not both.")
    try require(
      !common.json || conversation.isGiven || script != nil, "--json needs --prompt, --file, --messages or --script.")
    try require(schema == nil || !jsonObject, "Give one of --schema and --json-object.")
    try require(common.json || !margins, "--margins belongs to --json.")
    try require((0...1_000_000).contains(limit), "--limit is from 0 to 1000000.")
    if !ModelWithAdapters.isThere(path: served.model) { try checkUse(served.paths.map(\.name)) }
  }

  private func checkUse(_ names: [String]) throws {
    try require(use.map { $0 == "base" || names.contains($0) } ?? true, "--use names no --adapter.")
  }

  func run() throws {
    let batches = try script.map { try RunScript.turns(path: $0) }
    try require(
      conversation.isChat || batches?.joined().contains(where: \.needsChat) != true,
      "The script has messages: add --chat.")
    let file = try saveCache.map { try AtomicFile(path: $0, replacesExisting: force) }
    let prompt = try conversation.conversation()
    let opened = try served.open()
    try checkUse(served.paths.map(\.name) + opened.adapters.map(\.name))
    let loaded = try LoadedModel(opened, adapters: served.paths, pool: computation.threading.pool)
    served.note(loaded.adapters, of: loaded.model, comparesTemplates: conversation.isChat, common)
    let stored = try StoredCache(
      loaded.model, byteLimit: computation.cacheByteLimit, from: loadCache, isSaved: file != nil)
    let session = try RunSession(
      loaded, settings: settings(loaded.model), ignoresEnd: ignoresEnd, schema: compiledSchema(), cache: stored.cache)
    // Of a model with adapters of its own, the prompt chooses one.
    let first = use ?? served.paths.first?.name
    if let batches {
      for turn in batches.joined() { _ = try session.adapter(named: turn.adapter) }
      try answer(batches, session)
    } else if let prompt {
      try answer([[RunTurn(prompt, adapter: first)]], session)
    } else {
      try converse(session, adapter: first)
    }
    if let file {
      try stored.save(to: file)
      common.note("\(counted(stored.cache.blockCount, "block")) written to \(file.path)")
    }
  }

  private func settings(_ model: Model) throws -> RunSession.Settings {
    var settings = RunSession.Settings(limit: limit)
    settings.sampling = sampling.options
    settings.seed = sampling.seed
    settings.stopTexts = stop
    settings.frame = conversation.isChat ? try conversation.frame() : nil
    settings.contextLimit = ContextLimit(model, isIgnored: context.beyondContext)
    return settings
  }

  private func compiledSchema() throws -> CompiledSchema? {
    jsonObject
      ? try CompiledSchema(text: CompiledSchema.anyObject) : try schema.map { try CompiledSchema(textOrPath: $0) }
  }

  private func answer(_ batches: [[RunTurn]], _ session: RunSession) throws {
    var answers: [RunSession.Answer] = []
    for batch in batches {
      // The first answer is printed as it is generated, the others when they are complete.
      let some = try session.answer(batch) { index, text in
        if !common.json, index == 0 { Console.standardOutput.tell(text) }
      }
      answers += some
      for (index, answer) in some.enumerated() {
        if !common.json { Console.standardOutput.tell((index == 0 ? "" : answer.text) + "\n") }
        common.note(answer.summary)
      }
    }
    if common.json {
      let report = session.report(model: served.model, answers: answers, withMargins: margins)
      Console.standardOutput.write(report.serialized() + "\n")
    }
  }

  /// Answers the lines of standard input.
  private func converse(_ session: RunSession, adapter: String?) throws {
    let isTerminal = FileSystem.isTerminal(descriptor: STDIN_FILENO)
    if isTerminal, !common.quiet { Console.standardError.write("/help lists the commands.\n") }
    var dialogue = Dialogue(session, adapter: adapter, survivesErrors: isTerminal) { event in
      switch event {
      case .ready(let adapter): if isTerminal { Console.standardError.write("\(adapter ?? "base")> ") }
      case .wantsHelp: Console.standardError.write(DialogueLine.help)
      case .wantsCacheSize: Console.standardError.write("\(session.generator.cache.sizeText)\n")
      case .text(let text): Console.standardOutput.tell(text)
      case .answered(let answer):
        Console.standardOutput.write("\n")
        common.note(answer.summary)
      case .failed(let error): Console.standardError.write("alora: \(error.line)\n")
      }
    }
    try dialogue.run(LineReader(descriptor: STDIN_FILENO, name: "standard input", byteLimit: 1 << 24))
  }
}
