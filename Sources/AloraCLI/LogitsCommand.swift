internal import AloraModels
internal import AloraAdapters
internal import AloraSystem
internal import AloraGeneration
internal import AloraInference
internal import AloraNPZ
internal import AloraReports
internal import AloraSwitch
internal import AloraVerification
internal import ArgumentParser

/// `alora logits`: the logits of every position.
struct LogitsCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "logits",
    abstract: "Compute logits, with or without an adapter, and write them as .npz.",
    discussion: """
      Examples:
        alora logits --model base.gguf --tokens 1,20,7,9 --output out.npz
        alora logits --model base --adapter my-adapter --file p.txt --output out.npz
        alora logits --model base --tokens-file ids.json --positions last \\
            --output out.npz

      For each text i, the file holds tokens_i, logits_i and activation_start_i (-1 if the adapter is off); with --positions, \
      also positions_i. With the exact backend, the numbers are the same on every machine, bit for bit, with any --chunk \
      and --threads. An Activated LoRA is active from the last occurrence of its invocation, as in PEFT. A plain LoRA is \
      active everywhere.
      """)

  @OptionGroup var inference: InferenceOptions

  @Option(help: ArgumentHelp("A text, as token ids.", valueName: "1,2,3"))
  var tokens: String?

  @Option(
    name: .customLong("tokens-file"),
    help: ArgumentHelp("A JSON file with a list of token ids, or a list of such lists.", valueName: "file"))
  var tokensFile: String?

  @OptionGroup var conversation: ConversationOptions

  @Option(
    help: ArgumentHelp(
      "Which positions to write: all (the default), last, activated, around (from two before the activation), or indices such as 0,5,-1.",
      valueName: "which"),
    transform: { text in
      guard let selection = PositionSelection(text) else {
        throw ValidationError("'\(text)' is not all, last, activated, around or a list such as 0,5,-1.")
      }
      return selection
    })
  var positions = PositionSelection.named(.all)

  @Option(
    name: .customLong("activation-start"),
    help: ArgumentHelp(
      "The index of the first adapted token, overriding the invocation. -1: the adapter is off.", valueName: "n"))
  var activationStart: Int?

  @Option(
    help: ArgumentHelp(
      "Which token is adapted first. peft (the default): the first of the invocation; legacy: one later; llama-server: one earlier.",
      valueName: "rule"), transform: named)
  var activation = ActivationRule.peft

  @Option(help: ArgumentHelp("How many tokens to compute at once.", valueName: "n"))
  var chunk = 512

  @Option(help: ArgumentHelp("The file to write.", valueName: "npz"))
  var output: String

  @Flag(help: "Replace an existing file.")
  var force = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    try OutputPlaces.checkIsFile(output, option: "--output")
    guard [tokens != nil, tokensFile != nil, conversation.isGiven].count(where: { $0 }) == 1 else {
      throw ValidationError("Give one of --tokens, --tokens-file, --prompt, --file and --messages.")
    }
    try conversation.requirePrompt()
    guard (1...65536).contains(chunk) else { throw ValidationError("--chunk must be from 1 to 65536.") }
    if let activationStart, activationStart < -1 { throw ValidationError("--activation-start must be -1 or more.") }
    if activationStart != nil, inference.adapter == nil {
      throw ValidationError("--activation-start needs --adapter.")
    }
    if tokens != nil, listedTokens == nil { throw ValidationError("--tokens must be a list such as 1,2,3.") }
  }

  private var listedTokens: [Int]? {
    guard let tokens else { return nil }
    let parts = tokens.split(separator: ",", omittingEmptySubsequences: false)
    let numbers = parts.compactMap { part in Int(part.drop { $0 == " " }) }
    return numbers.count == parts.count ? numbers : nil
  }

  func run() throws {
    let content = try conversation.conversation()
    var listed = content == nil ? try listedTexts() : nil
    // A chat's tokens may depend on the adapter's invocation, and so on the model.
    if let content, !conversation.isChat { listed = [try promptTokens(content, invocation: nil)] }
    // Weights that one pass needs are read as it goes.
    let isOnePass = listed?.count == 1 && listed?[0].count ?? .max <= chunk
    let loaded = try inference.load(
      common, keepsWeights: !isOnePass, opened: try ModelWithAdapters(path: inference.model))
    let texts =
      try listed ?? content.map { [try promptTokens($0, invocation: loaded.adapter?.invocationTokens)] } ?? []
    let limit = inference.contextLimit(of: loaded.model)
    let jobs = try texts.enumerated().map { index, tokens in
      try limit.check(tokens.count, name: texts.count == 1 ? "the text" : "text \(index)", path: tokensFile)
      let slot = try slot(of: tokens, loaded)
      let start = slot.map(\.start) ?? start(in: tokens, of: loaded.adapter)
      return LogitsRecorder.Text(
        tokens: tokens, adapter: slot?.adapter, activationStart: start,
        positions: try positions.positions(tokenCount: tokens.count, start: start))
    }
    let keepsAll = positions == .named(.all)
    let writer = try NPZWriter(path: output, replacesExisting: force, compression: .stored)
    let recorder = LogitsRecorder(
      evaluator: loaded.evaluator, adapter: loaded.adapter, chunk: chunk, writesPositions: !keepsAll)
    var progress = Progress("computing", total: jobs.reduce(0) { $0 + $1.computedCount }, isQuiet: common.quiet)
    let digests = try recorder.record(jobs, to: writer) { progress.update($0) }
    progress.finish()
    let report = LogitsReport(
      model: inference.model, evaluator: loaded.evaluator, adapter: loaded.adapter,
      rule: activationStart == nil ? activation : nil, listsPositions: !keepsAll, texts: Array(zip(jobs, digests)))
    let rowCount = jobs.reduce(0) { $0 + $1.positions.count }
    try writer.finish(
      with: report.json, common,
      summary: "\(counted(texts.count, "text")), \(counted(rowCount, "position")) written to \(output)")
  }

  private func start(in tokens: [Int], of adapter: Adapter?) -> Int? {
    guard let adapter else { return nil }
    if let activationStart { return activationStart < 0 ? nil : activationStart }
    return activation.start(in: tokens, invocation: adapter.invocationTokens)
  }

  /// The adapter that a text switches on by itself, of a model with adapters of its own.
  private func slot(of tokens: [Int], _ loaded: LoadedModel) throws -> ControlTokens.Chosen? {
    let found = try loaded.model.source.controlTokens?.adapter(
      of: tokens, asked: loaded.adapter, name: loaded.adapter.map { _ in "adapter" }, among: loaded.builtIn)
    // An ordinary adapter has its own options.
    return found?.adapter.controlToken == nil ? nil : found
  }

  private func promptTokens(_ content: Conversation, invocation: [Int]?) throws -> [Int] {
    try ConversationEncoder.promptTokens(content, model: inference.model, invocation: invocation)
  }

  private func listedTexts() throws -> [[Int]] {
    try listedTokens.map { [$0] } ?? tokensFile.map { try TokenLists.texts(path: $0) } ?? []
  }
}
