internal import AloraModels
internal import AloraTensors
internal import AloraSystem
internal import AloraInference
internal import AloraJSON
internal import AloraNPZ
internal import AloraVerification
internal import ArgumentParser

/// `alora golden`: files of logits that others are held to.
struct GoldenCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "golden", abstract: "Make golden files: logits that `alora verify` holds an adapter to.",
    subcommands: [GoldenRecordCommand.self])
}

/// `alora golden record`: what this engine computes, with its digests.
struct GoldenRecordCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "record",
    abstract: "Record what a base and its adapter answer to prompts, with the digests of every bit.",
    discussion: """
      Example:
        alora golden record --model base.gguf --adapter my-adapter.gguf --prompts prompts.jsonl --output golden.npz
        alora verify --model base.gguf --adapter my-adapter.gguf --golden golden.npz --exact

      Each line of the prompts is a JSON object with one of "text" (or "prompt"), "tokens" and "messages"; the last go
      through the model's chat template, and end with the adapter's invocation. "id" names a prompt; other members are
      passed over. The file is plain NumPy; its digests hold any later run with the same model and adapter to the same
      bits. What it cannot show is that the adapter was right when it was recorded: goldens from PEFT show that.
      """)

  @OptionGroup var inference: InferenceOptions

  @Option(help: ArgumentHelp("The prompts, one JSON object on each line.", valueName: "jsonl"))
  var prompts: String

  @Option(help: ArgumentHelp("Where to write.", valueName: "npz"))
  var output: String

  @Option(
    help: ArgumentHelp(
      "Which rows to keep: around (default: from two before the activation on), activated, last, all. The digests are of "
        + "all.", valueName: "which"), transform: named)
  var positions = GoldenRecorder.Selection.around

  @Flag(help: "Replace a file that exists.")
  var force = false

  @OptionGroup var common: CommonOptions

  func validate() throws {
    guard inference.adapter != nil else { throw ValidationError("golden record needs --adapter.") }
    guard inference.backend == .exact else {
      throw ValidationError("golden record records bits: it needs --backend exact.")
    }
  }

  func run() throws {
    let loaded = try inference.load(common)
    guard let adapter = loaded.adapter else { throw ExitStatus.usage }
    let modelDigest = try loaded.model.source.digest()
    let list = try PromptFile(model: inference.model, invocation: adapter.invocationTokens).prompts(path: prompts)
    let recorder = GoldenRecorder(model: loaded.model, adapter: adapter, evaluator: loaded.evaluator)
    try recorder.checkLengths(of: list, path: prompts)
    let writer = try NPZWriter(path: output, replacesExisting: force, compression: .stored)
    var progress = Progress("recording", total: list.reduce(0) { $0 + $1.tokens.count }, isQuiet: common.quiet)
    var (cases, done): ([GoldenRecorder.Case], Int) = ([], 0)
    for (index, prompt) in list.enumerated() {
      cases.append(try recorder.record(prompt, index: index, keeping: positions, to: writer))
      done += prompt.tokens.count
      progress.update(done)
    }
    progress.finish()
    let rows = cases.reduce(0) { $0 + $1.positions.count }
    let offCount = cases.count { $0.activationStart == nil }
    let off = offCount == 0 ? "" : "; the adapter is off in \(offCount), where its invocation does not occur"
    try writer.finish(
      with: report(cases, loaded, adapter, modelDigest: modelDigest), common,
      summary: "\(counted(cases.count, "prompt")), \(counted(rows, "position")) written to \(output)\(off)")
  }

  /// Schema: schemas/golden-record.schema.json; also the file's `meta`.
  private func report(
    _ cases: [GoldenRecorder.Case], _ loaded: LoadedModel, _ adapter: Adapter, modelDigest: Digest
  ) -> JSONValue {
    [
      "by": .string("alora \(aloraVersion)"), "model": .string(inference.model), "adapter": .string(adapter.path),
      "exactness_version": .integer(exactnessVersion), "model_sha256": .string(modelDigest.description),
      "adapter_sha256": .string(adapter.digest.description),
      "vocabulary_size": .integer(loaded.model.vocabularySize),
      "cases": .array(
        cases.map { item in
          [
            "name": .string(item.name), "token_count": .integer(item.tokenCount),
            "activation_start": .integer(item.activationStart ?? -1),
            "first_position": .integer(item.positions.lowerBound), "position_count": .integer(item.positions.count),
            "base_sha256": .string(item.baseDigest.description),
            "adapted_sha256": .string(item.adaptedDigest.description),
          ]
        }),
    ]
  }
}
