internal import AloraModels
internal import AloraGeneration
internal import AloraInference
internal import AloraNPZ
internal import AloraReports
internal import AloraVerification
internal import ArgumentParser

/// `alora golden`: files of reference logits.
struct GoldenCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "golden", abstract: "Make golden files: reference logits for alora verify.",
    subcommands: [GoldenRecordCommand.self])
}

/// `alora golden record`: what this engine computes, with its digests.
struct GoldenRecordCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "record",
    abstract: "Record the logits of a base and its adapter, with digests of every bit.",
    discussion: """
      Examples:
        alora golden record --model base.gguf --adapter my-adapter.gguf \\
            --prompts prompts.jsonl --output golden.npz
        alora verify --model base.gguf --adapter my-adapter.gguf \\
            --golden golden.npz --exact

      Each line of --prompts is a JSON object with one of "text" (or "prompt"), "tokens" and "messages". "id" names the \
      prompt; other members are ignored. Chats go through the model's chat template and end with the adapter's invocation. \
      The output is plain NumPy. Its digests let a later run with the same model and adapter be compared bit for bit. They \
      don't show that the adapter was right when it was recorded; goldens made with PEFT do.
      """)

  @OptionGroup var inference: InferenceOptions

  @Option(help: ArgumentHelp("A file of prompts: one JSON object per line.", valueName: "jsonl"))
  var prompts: String?

  @OptionGroup var conversation: ConversationOptions

  @Option(help: ArgumentHelp("The file to write.", valueName: "npz"))
  var output: String

  @Option(
    help: ArgumentHelp(
      "Which rows to keep: around (the default: from two before the activation), activated, last, all. The digests cover all rows.",
      valueName: "which"), transform: named)
  var positions = GoldenRecorder.Selection.around

  @Flag(help: "Replace an existing file.")
  var force = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    try requireFile(output, option: "--output")
    try require(inference.adapter != nil, "golden record needs --adapter.")
    try require(
      (prompts != nil) != conversation.isGiven, "Give one of --prompts, --prompt, --file and --messages.")
    try require(inference.backend == .exact, "golden record records bits: it needs --backend exact.")
  }

  func run() throws {
    let (loaded, adapter) = try inference.loadWithAdapter(common)
    let model = loaded.model
    let modelDigest = try model.source.digest()
    let list = try list(invocation: adapter.invocationTokens)
    try inference.contextLimit(of: model).check(list, path: prompts)
    let writer = try NPZWriter(path: output, replacesExisting: force, compression: .stored)
    let cases = try common.withProgress("recording", of: list.reduce(0) { $0 + $1.tokens.count }) { update in
      try GoldenRecorder(model: model, adapter: adapter, evaluator: loaded.evaluator)
        .record(list, keeping: positions, to: writer, progress: update)
    }
    let report = GoldenRecordReport(
      model: model, adapter: adapter, modelDigest: modelDigest, cases: cases, version: aloraVersion)
    try common.finish(writer, report.json, summary: report.summary(path: output))
  }

  private func list(invocation: [Int]?) throws -> [NamedPrompt] {
    if let prompts {
      return try PromptFile(path: prompts).prompts(
        model: inference.model, invocation: invocation, frame: conversation.frame(), isChat: conversation.isChat)
    }
    guard let content = try conversation.conversation() else { throw ExitStatus.usage }
    let tokens = try ConversationEncoder.promptTokens(content, model: inference.model, invocation: invocation)
    return [NamedPrompt(name: "prompt 0", tokens: tokens)]
  }
}
