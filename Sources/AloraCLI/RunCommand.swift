internal import AloraModels
internal import AloraTemplates
internal import AloraTensors
internal import AloraSystem
internal import AloraGeneration
internal import AloraInference
internal import AloraJSON
internal import AloraTokenization
internal import ArgumentParser

/// `alora run`: text from a base and its adapters.
struct RunCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "run",
    abstract: "Generate text with a base model and any number of adapters, on one cache.",
    discussion: """
      Example:
        alora run --model base.gguf --prompt "The capital of France is" -n 8
        alora run --model base.gguf --adapter check=my-adapter --chat --prompt "Who wrote Faust?"
        alora run --model base.gguf --adapter a=one --adapter b=two.gguf --chat --script turns.jsonl --json

      Without --prompt and --script, lines of standard input are answered as they come; /help there tells more.
      An adapter is switched on by the last occurrence of its invocation in the prompt. With --chat, an Activated LoRA's
      invocation is put where the assistant's answer would begin. What base weights have computed is never computed
      again: not for another adapter, not for the base. The text is the same, whatever came from the cache.
      """)

  @Option(help: ArgumentHelp("The base model: a Hugging Face directory or a GGUF.", valueName: "dir|gguf"))
  var model: String

  @Option(
    help: ArgumentHelp(
      "A LoRA adapter and what it is called here; by default adapter, adapter2, …", valueName: "[name=]dir|gguf"))
  var adapter: [String] = []

  @Option(
    help: ArgumentHelp("Who answers --prompt: an adapter's name, or base; by default the first.", valueName: "name"))
  var use: String?

  @Option(help: "The prompt.")
  var prompt: String?

  @Option(
    help: ArgumentHelp(
      "A conversation: on each line a JSON object with prompt, adapter, limit, seed, role, reset, fork, or an array of such "
        + "objects that are answered together.", valueName: "jsonl"))
  var script: String?

  @Flag(help: "Write prompts as the model's chat template has them.")
  var chat = false

  @Option(name: [.customShort("n"), .long], help: ArgumentHelp("Generate at most so many tokens.", valueName: "n"))
  var limit = 256

  @OptionGroup var sampling: SamplingArguments

  @Option(help: ArgumentHelp("End the answer before this text. May be given several times.", valueName: "text"))
  var stop: [String] = []

  @Flag(name: .customLong("ignore-end"), help: "Go on after the tokens with which the model ends its answer.")
  var ignoresEnd = false

  @Option(help: ArgumentHelp("Threads; by default one for each processor.", valueName: "n"))
  var threads: Int?

  @Option(name: .customLong("cache-limit"), help: ArgumentHelp("What the cache may keep.", valueName: "megabytes"))
  var cacheLimit = 2048

  @Option(name: .customLong("load-cache"), help: ArgumentHelp("Begin with a cache that was saved.", valueName: "file"))
  var loadCache: String?

  @Option(name: .customLong("save-cache"), help: ArgumentHelp("Write the cache at the end.", valueName: "file"))
  var saveCache: String?

  @Flag(help: "Replace a cache file that exists.")
  var force = false

  @Flag(help: "With --json, also the two greatest logits' tokens and their distance for each token.")
  var margins = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard prompt == nil || script == nil else { throw ValidationError("Give --prompt or --script, not both.") }
    guard !common.json || prompt != nil || script != nil else {
      throw ValidationError("--json needs --prompt or --script.")
    }
    guard common.json || !margins else { throw ValidationError("--margins belongs to --json.") }
    guard (0...1_000_000).contains(limit) else { throw ValidationError("--limit is from 0 to 1000000.") }
    guard (1...1024).contains(threads ?? 1) else { throw ValidationError("--threads is from 1 to 1024.") }
    guard (0...1 << 40).contains(cacheLimit) else { throw ValidationError("--cache-limit is not negative.") }
    let names = namedAdapters.map(\.name)
    guard Set(names).count == names.count, !names.contains("base"), !names.contains("") else {
      throw ValidationError("Each adapter needs a name of its own, and none is called 'base'.")
    }
    if let use, use != "base", !names.contains(use) { throw ValidationError("--use names no --adapter.") }
  }

  /// A path may hold '=' where a file or directory of that name stands.
  private var namedAdapters: [(name: String, path: String)] {
    adapter.enumerated().map { index, text in
      let equals = FileSystem.kind(of: text) == nil ? text.firstIndex(of: "=") : nil
      let name = equals.map { String(text[..<$0]) } ?? (index == 0 ? "adapter" : "adapter\(index + 1)")
      return (name, equals.map { String(text[text.index(after: $0)...]) } ?? text)
    }
  }

  func run() throws {
    let batches = try script.map { try RunScript.turns(path: $0) }
    let file = try saveCache.map { try AtomicFile(path: $0, replacesExisting: force) }
    let (session, modelDigest) = try session()
    let first = use ?? session.adapters.first?.name
    if let batches {
      for turn in batches.flatMap({ $0 }) { _ = try session.adapter(named: turn.adapter) }
      try answer(batches, session)
    } else if let prompt {
      try answer([[RunTurn(prompt: prompt, adapter: first)]], session)
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

  /// - Returns: also the digest of the model's files where a cache is loaded or saved: of what is computed with, whatever
  ///   stands under that name at the end of a long dialogue.
  private func session() throws -> (RunSession, modelDigest: Digest?) {
    let pool = ThreadPool(threadCount: threads ?? ThreadPool.processorCount)
    let loaded = try Model(path: model, pool: pool)
    let modelDigest = loadCache == nil && saveCache == nil ? nil : try loaded.source.digest()
    let adapters = try namedAdapters.map { name, path in
      (name: name, adapter: try Adapter(path: path, modelPath: model, model: loaded, pool: pool))
    }
    let template = chat ? try loaded.source.chatTemplate() : nil
    if chat, template == nil {
      throw TokenizationError(
        .missingTokenizer, path: model, problem: "the model has no chat template", remedy: "leave out --chat")
    }
    let settings = RunSession.Settings(
      limit: limit, sampling: sampling.options, seed: sampling.seed, stopTexts: stop,
      endTokens: ignoresEnd ? [] : try loaded.source.endTokens())
    let product = cacheLimit.multipliedReportingOverflow(by: 1_000_000)
    let byteLimit = product.overflow ? .max : product.partialValue
    let cache =
      if let loadCache, let modelDigest {
        try PrefixCache(model: loaded, byteLimit: byteLimit, path: loadCache, filesDigest: modelDigest)
      } else { PrefixCache(model: loaded, byteLimit: byteLimit) }
    let session = RunSession(
      generator: Generator(evaluator: Evaluator(model: loaded, pool: pool), cache: cache),
      tokenizer: try loaded.source.tokenizer(), template: template, adapters: adapters, settings: settings)
    return (session, modelDigest)
  }

  private func answer(_ batches: [[RunTurn]], _ session: RunSession) throws {
    var answers: [RunSession.Answer] = []
    for batch in batches {
      // The first is told as it comes, the others when they are complete.
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
      let report = session.report(model: model, answers: answers, withMargins: margins)
      Console.standardOutput.write(report.serialized() + "\n")
    }
  }
}

/// How tokens are chosen.
struct SamplingArguments: ParsableArguments {
  @Option(help: ArgumentHelp("0 (default) takes the most probable token.", valueName: "x"))
  var temperature = 0.0

  @Option(name: .customLong("top-k"), help: ArgumentHelp("Only the k most probable tokens.", valueName: "k"))
  var topK: Int?

  @Option(
    name: .customLong("top-p"),
    help: ArgumentHelp("Only the fewest most probable tokens that have this probability together.", valueName: "p"))
  var topP: Double?

  @Option(
    name: .customLong("min-p"),
    help: ArgumentHelp("Only tokens at least this part as probable as the most probable one.", valueName: "p"))
  var minP: Double?

  @Option(help: ArgumentHelp("The same seed gives the same text, on every machine.", valueName: "n"))
  var seed: UInt64 = 0

  func validate() throws {
    guard temperature >= 0, temperature <= 100 else { throw ValidationError("--temperature is from 0 to 100.") }
    guard topK ?? 1 >= 1 else { throw ValidationError("--top-k is at least 1.") }
    guard (0...1).contains(topP ?? 1), (0...1).contains(minP ?? 1) else {
      throw ValidationError("--top-p and --min-p are from 0 to 1.")
    }
    guard temperature > 0 || (topK == nil && topP == nil && minP == nil) else {
      throw ValidationError("--top-k, --top-p and --min-p need --temperature.")
    }
  }

  var options: SamplingOptions {
    SamplingOptions(temperature: temperature, topCount: topK, topProbability: topP, minimumProbability: minP)
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
