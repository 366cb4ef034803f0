internal import AloraGeneration
internal import AloraSystem
internal import AloraInference
internal import AloraReports
internal import ArgumentParser

/// `alora bench`: how fast things are computed here, against what the machine can do.
struct BenchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measure speed, and compare it with the machine's limits.",
    discussion: """
      Examples:
        alora bench prefill --model base.gguf --tokens 512
        alora bench decode --model base.gguf --adapter my-adapter --tokens 64
        alora bench ttft --model base.gguf --adapter my-adapter
        alora bench serve --server http://127.0.0.1:8080
        alora bench kernels

      The machine's limits are measured in the same run, with all threads: fused multiply-adds in registers, and reading from \
      memory. Good prefill is close to the first limit, good decoding close to the second.
      """,
    subcommands: [
      PrefillBenchmark.self, DecodeBenchmark.self, FirstTokenBenchmark.self, ServeBenchmark.self,
      KernelBenchmark.self,
    ])
}

/// `alora bench prefill`.
struct PrefillBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "prefill", abstract: "Measure prefill: many tokens at once, as in a prompt.",
    usage: "alora bench prefill [<options>] --model <dir|gguf>",
    discussion: "Example:\n  alora bench prefill --model base.gguf --tokens 512")
  @OptionGroup var benchmark: ModelBenchmark
  func run() throws { try benchmark.run(.prefill) }
}

/// `alora bench decode`.
struct DecodeBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "decode", abstract: "Measure decoding: one token after another.",
    usage: "alora bench decode [<options>] --model <dir|gguf>",
    discussion: "Example:\n  alora bench decode --model base.gguf --tokens 64")
  @OptionGroup var benchmark: ModelBenchmark
  func run() throws { try benchmark.run(.decode) }
}

/// The options and output that prefill and decoding share.
struct ModelBenchmark: ParsableArguments {
  @OptionGroup var inference: InferenceOptions

  @Option(help: ArgumentHelp("How many tokens to compute. The default is 512, or 64 for decoding.", valueName: "n"))
  var tokens: Int?

  @Option(help: ArgumentHelp("For decode: how many tokens precede the decoded ones.", valueName: "n"))
  var context = 64

  @Option(
    help: ArgumentHelp(
      "For decode: how many sequences to decode at once. With an adapter, every second one has it.", valueName: "n"))
  var sequences = 1

  @Option(help: ArgumentHelp("How often to measure. The best run counts.", valueName: "n"))
  var repeats = 3

  @OptionGroup var common: CommonOptions

  func validate() throws {
    try require(
      (1...100_000).contains(tokens ?? 1) && (1...100_000).contains(context) && (1...1000).contains(repeats)
        && (1...256).contains(sequences),
      "--tokens and --context must be from 1 to 100000, --repeats from 1 to 1000, --sequences from 1 to 256.")
  }

  func run(_ task: ModelSpeed.Task) throws {
    try require(task == .decode || sequences == 1, "--sequences belongs to decode.")
    let loadStart = MonotonicClock.seconds
    let loaded = try inference.load(common)
    let loadSeconds = MonotonicClock.seconds - loadStart
    let count = tokens ?? (task == .prefill ? 512 : 64)
    try inference.contextLimit(of: loaded.model).check(task == .prefill ? count : count + context, name: "the text")
    let report = ModelSpeedReport(
      model: inference.model, adapter: inference.adapter, evaluator: loaded.evaluator, loadSeconds: loadSeconds,
      speed: try ModelSpeed(
        task, evaluator: loaded.evaluator, adapter: loaded.adapter, tokenCount: count, contextCount: context,
        sequenceCount: sequences, repeats: repeats))
    common.write(report.json, text: report.text)
  }
}

/// `alora bench kernels`.
struct KernelBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kernels", abstract: "Measure matrix products with weights of every type.",
    usage: "alora bench kernels [<options>]",
    discussion: """
      Example:
        alora bench kernels --rows 4096 --columns 4096

      Arithmetic limits products with many tokens; reading the weights limits products with one token.
      """)

  @Option(help: ArgumentHelp("Rows of the weight matrix.", valueName: "n"))
  var rows = 8192

  @Option(help: ArgumentHelp("Columns of the weight matrix, a multiple of 256.", valueName: "n"))
  var columns = 4096

  @Option(help: ArgumentHelp("The tokens of the product with many tokens.", valueName: "n"))
  var tokens = 256

  @OptionGroup var threading: ThreadOptions
  @OptionGroup var kernels: KernelOptions
  @OptionGroup var common: CommonOptions

  func validate() throws {
    try require(
      (1...65536).contains(rows) && (256...65536).contains(columns) && columns.isMultiple(of: 256)
        && (1...4096).contains(tokens) && threading.isInRange,
      "--rows, --columns (a multiple of 256), --tokens or --threads is out of range.")
  }

  func run() throws {
    let (pool, set) = (threading.pool, kernels.instructionSet)
    let speeds = ProductSpeed.measured(
      rows: rows, columns: columns, tokens: tokens, pool: pool, instructionSet: set)
    let report = ProductSpeedReport(
      rows: rows, columns: columns, tokens: tokens, threadCount: pool.threadCount, instructionSet: set, speeds: speeds,
      machine: MachineSpeed(pool: pool, instructionSet: set))
    common.write(report.json, text: report.text)
  }
}
