internal import AloraInference
internal import AloraAdapters
internal import AloraGeneration
internal import AloraNPZ
internal import AloraReports
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

  @Option(help: ArgumentHelp("A JSON file with a list of token ids, or a list of such lists.", valueName: "file"))
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
    try requireFile(output, option: "--output")
    try require(
      [tokens != nil, tokensFile != nil, conversation.isGiven].count { $0 } == 1,
      "Give one of --tokens, --tokens-file, --prompt, --file and --messages.")
    try conversation.requirePrompt()
    try require((1...65536).contains(chunk), "--chunk must be from 1 to 65536.")
    try require(activationStart ?? 0 >= -1, "--activation-start must be -1 or more.")
    try require(activationStart == nil || inference.adapter != nil, "--activation-start needs --adapter.")
    try require(
      tokens.map { TokenLists.numbers(in: $0) != nil } ?? true, "--tokens must be a list such as 1,2,3.")
  }

  func run() throws {
    let request = try request()
    // Weights that one pass needs are read as it goes.
    let loaded = try inference.load(common, keepsWeights: !request.isOnePass(chunk: chunk), loadsBuiltIn: true)
    let texts = try request.texts(loaded, inference.contextLimit(of: loaded.model))
    let writer = try NPZWriter(path: output, replacesExisting: force, compression: .stored)
    let recorder = LogitsRecorder(
      evaluator: loaded.evaluator, adapter: loaded.adapter, chunk: chunk, writesPositions: request.listsPositions)
    let digests = try common.withProgress("computing", of: texts.reduce(0) { $0 + $1.computedCount }) { update in
      try recorder.record(texts, to: writer, progress: update)
    }
    let report = LogitsReport(
      model: inference.model, evaluator: loaded.evaluator, adapter: loaded.adapter, rule: request.activation.rule,
      listsPositions: request.listsPositions, texts: Array(zip(texts, digests)))
    try common.finish(writer, report.json, summary: report.summary(path: output))
  }

  private func request() throws -> LogitsRequest {
    let listed =
      try tokens.map { TokenLists.numbers(in: $0).map { [$0] } ?? [] }
      ?? tokensFile.map { try TokenLists.texts(path: $0) } ?? []
    return try LogitsRequest(
      listed: listed, listPath: tokensFile, conversation: conversation.conversation(), model: inference.model,
      positions: positions, activation: activationStart.map { .given($0 < 0 ? nil : $0) } ?? .rule(activation))
  }
}
