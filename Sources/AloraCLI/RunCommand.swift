internal import AloraModels
internal import AloraTensors
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

  @Flag(name: .customLong("json-object"), help: "Answer with any JSON object.")
  var jsonObject = false

  @Flag(name: .customLong("ignore-end"), help: "Continue after the tokens that end an answer.")
  var ignoresEnd = false

  @OptionGroup var computation: ServedComputationOptions

  @Option(name: .customLong("load-cache"), help: ArgumentHelp("Start with a saved cache.", valueName: "file"))
  var loadCache: String?

  @Option(name: .customLong("save-cache"), help: ArgumentHelp("Save the cache at the end.", valueName: "file"))
  var saveCache: String?

  @Flag(help: "Replace an existing cache file.")
  var force = false

  @OptionGroup var context: ContextOptions

  @Flag(help: "With --json, show the two most probable tokens and the distance of their logits at each step.")
  var margins = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    try OutputPlaces.checkIsFile(saveCache, option: "--save-cache")
    guard !conversation.isGiven || script == nil else {
      throw ValidationError("Give a prompt or --script, not both.")
    }
    guard !common.json || conversation.isGiven || script != nil else {
      throw ValidationError("--json needs --prompt, --file, --messages or --script.")
    }
    guard schema == nil || !jsonObject else { throw ValidationError("Give one of --schema and --json-object.") }
    guard common.json || !margins else { throw ValidationError("--margins belongs to --json.") }
    guard (0...1_000_000).contains(limit) else { throw ValidationError("--limit is from 0 to 1000000.") }
    if !ModelWithAdapters.isThere(path: served.model) { try checkUse(NamedPath.all(served.adapter).map(\.name)) }
  }

  private func checkUse(_ names: [String]) throws {
    guard let use, use != "base", !names.contains(use) else { return }
    throw ValidationError("--use names no --adapter.")
  }

  func run() throws {
    let batches = try script.map { try RunScript.turns(path: $0) }
    if !self.conversation.isChat, batches?.joined().contains(where: \.needsChat) ?? false {
      throw ValidationError("The script has messages: add --chat.")
    }
    let file = try saveCache.map { try AtomicFile(path: $0, replacesExisting: force) }
    let conversation = try conversation.conversation()
    let opened = try served.open()
    let names = NamedPath.all(served.adapter).map(\.name)
    try checkUse(names + opened.adapters.map(\.name))
    let (session, modelDigest) = try session(opened)
    // Of a model with adapters of its own, the prompt chooses one.
    let first = use ?? names.first
    if let batches {
      for turn in batches.flatMap({ $0 }) { _ = try session.adapter(named: turn.adapter) }
      try answer(batches, session)
    } else if let conversation {
      try answer([[RunTurn(conversation, adapter: first)]], session)
    } else {
      var dialogue = RunDialogue(session: session, adapter: first, isQuiet: common.quiet)
      try dialogue.run()
    }
    if let file, let modelDigest {
      let cache = session.generator.cache
      try cache.save(to: file, filesDigest: modelDigest)
      common.note("\(counted(cache.blockCount, "block")) written to \(file.path)".escapingControlCharacters())
    }
  }

  /// - Returns: the session, and the digest of the model's files if a cache is loaded or saved. It is computed at the start,
  ///   because the files may be replaced during a long dialogue.
  private func session(_ opened: ModelWithAdapters) throws -> (RunSession, modelDigest: Digest?) {
    let pool = computation.pool
    let loaded = try Model(source: opened.source, pool: pool)
    let modelDigest = loadCache == nil && saveCache == nil ? nil : try loaded.source.digest()
    let adapters = try served.adapters(
      of: loaded, builtIn: opened.adapters, pool, comparesTemplates: conversation.isChat, common)
    var settings = RunSession.Settings(limit: limit)
    settings.sampling = sampling.options
    settings.seed = sampling.seed
    settings.stopTexts = stop
    settings.frame = conversation.isChat ? try conversation.frame() : nil
    settings.contextLimit = ContextLimit(loaded, isIgnored: context.beyondContext)
    let form =
      jsonObject
      ? try CompiledSchema(text: CompiledSchema.anyObject) : try schema.map { try CompiledSchema(textOrPath: $0) }
    let byteLimit = computation.cacheByteLimit
    let cache =
      if let loadCache, let modelDigest {
        try PrefixCache(model: loaded, byteLimit: byteLimit, path: loadCache, filesDigest: modelDigest)
      } else { PrefixCache(model: loaded, byteLimit: byteLimit) }
    let session = try RunSession(
      loaded, pool: pool, adapters: adapters, settings: settings, ignoresEnd: ignoresEnd, schema: form, cache: cache)
    return (session, modelDigest)
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
        common.note(answer.summary.escapingControlCharacters())
      }
    }
    if common.json {
      let report = session.report(model: served.model, answers: answers, withMargins: margins)
      Console.standardOutput.write(report.serialized() + "\n")
    }
  }
}

extension Console {
  /// Writes a model's words: on a terminal without what would steer it.
  func tell(_ text: String) {
    guard isTerminal else { return writeAsItIs(text) }
    write(
      text.split(separator: "\n", omittingEmptySubsequences: false).map { line in
        line.split(separator: "\t", omittingEmptySubsequences: false).map { String($0).escapingControlCharacters() }
          .joined(separator: "\t")
      }.joined(separator: "\n"))
  }
}
