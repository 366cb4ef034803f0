internal import AloraSystem
internal import AloraGeneration
internal import AloraInference
internal import AloraJSON
internal import AloraReports
internal import ArgumentParser

/// `alora bench ttft`.
struct FirstTokenBenchmark: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "ttft",
    abstract: "Measure the time to an adapter's first token by context length, as aLoRA and as plain LoRA.",
    discussion: """
      Example:
        alora bench ttft --model base.gguf --adapter my-adapter --plot ttft.svg

      For each context length: (a) the adapter's weights as a plain LoRA, which has to compute the whole context; (b) as an \
      Activated LoRA, after a context that the base has computed; (c) the base, without a cache. Then a pipeline: a base turn, \
      a call of each adapter, and the base again.
      """)

  @OptionGroup var inference: InferenceOptions

  @Option(help: ArgumentHelp("The context lengths, in tokens.", valueName: "n,n,…"))
  var contexts = "256,512,1024,2048,4096,8192"

  @Option(help: ArgumentHelp("How often to measure the aLoRA. The median counts.", valueName: "n"))
  var repeats = 5

  @Option(help: ArgumentHelp("The number of adapters in the pipeline. 0: no pipeline.", valueName: "k"))
  var adapters = 3

  @Option(
    name: .customLong("pipeline-context"),
    help: ArgumentHelp("The context length of the pipeline, in tokens.", valueName: "n"))
  var pipelineContext = 2048

  @Option(help: ArgumentHelp("How many tokens each turn of the pipeline generates.", valueName: "n"))
  var generated = 16

  @Option(help: ArgumentHelp("Write a plot to this file.", valueName: "svg"))
  var plot: String?

  @Flag(help: "Replace an existing plot.")
  var force = false

  @OptionGroup var common: CommonOptions

  private var contextCounts: [Int] {
    contexts.split(separator: ",", omittingEmptySubsequences: false).map { Int($0) ?? 0 }
  }

  func validate() throws {
    guard inference.adapter != nil else { throw ValidationError("ttft needs --adapter.") }
    guard contextCounts.allSatisfy({ (1...1_000_000).contains($0) }) else {
      throw ValidationError("--contexts must be a list such as 256,1024.")
    }
    guard (1...1000).contains(repeats), (0...1000).contains(adapters), (1...1_000_000).contains(pipelineContext),
      (1...10_000).contains(generated)
    else { throw ValidationError("--repeats, --adapters, --pipeline-context or --generated is out of range.") }
  }

  func run() throws {
    let file = try plot.map { try AtomicFile(path: $0, replacesExisting: force) }
    let loaded = try inference.load(common)
    guard let adapter = loaded.adapter else { throw ExitStatus.usage }
    let measurement = TimeToFirstToken(evaluator: loaded.evaluator, adapter: adapter)
    // Pages and caches are warm after the first call.
    _ = try measurement.times(contextCount: 16, repeats: 1)
    var progress = Progress(
      "measuring", total: 2 * contextCounts.reduce(0, +) + (adapters + 2) * pipelineContext, isQuiet: common.quiet)
    let limit = inference.contextLimit(of: loaded.model)
    for count in contextCounts + [pipelineContext] { try limit.check(count, name: "a context") }
    var (rows, done) = ([TimeToFirstToken.Times](), 0)
    for count in contextCounts {
      rows.append(try measurement.times(contextCount: count, repeats: repeats))
      done += 2 * count
      progress.update(done)
    }
    let pipeline =
      adapters > 0
      ? try measurement.pipeline(contextCount: pipelineContext, adapterCount: adapters, generatedCount: generated) : nil
    let continuations = try measurement.continuations(
      contextCount: pipelineContext, newCounts: [1, 4, 16, 64, 256], repeats: repeats)
    progress.finish()
    let report = FirstTokenReport(
      model: inference.model, adapter: inference.adapter, evaluator: loaded.evaluator, repeats: repeats, rows: rows,
      continuationContext: pipelineContext, continuations: continuations, pipeline: pipeline)
    if let file {
      try file.commit(Array(FirstTokenPlot(rows: rows).svg.utf8))
    }
    Console.standardOutput.write(common.json ? report.json.serialized() + "\n" : report.text)
  }
}
