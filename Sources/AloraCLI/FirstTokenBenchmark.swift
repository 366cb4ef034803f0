internal import AloraSystem
internal import AloraGeneration
internal import AloraInference
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

  @Option(help: ArgumentHelp("The context length of the pipeline, in tokens.", valueName: "n"))
  var pipelineContext = 2048

  @Option(help: ArgumentHelp("How many tokens each turn of the pipeline generates.", valueName: "n"))
  var generated = 16

  @OptionGroup var plot: PlotOptions

  @OptionGroup var common: CommonOptions

  func validate() throws {
    try require(inference.adapter != nil, "ttft needs --adapter.")
    _ = try contextCounts(in: contexts)
    try require(
      (1...1000).contains(repeats) && (0...1000).contains(adapters) && (1...1_000_000).contains(pipelineContext)
        && (1...10_000).contains(generated),
      "--repeats, --adapters, --pipeline-context or --generated is out of range.")
  }

  func run() throws {
    let file = try plot.file()
    let (loaded, adapter) = try inference.loadWithAdapter(common)
    let plan = TimeToFirstToken.Plan(
      contextCounts: try contextCounts(in: contexts), repeats: repeats, adapterCount: adapters,
      pipelineContextCount: pipelineContext, generatedCount: generated)
    let figures = try common.withProgress("measuring", of: plan.tokenCount) { update in
      try TimeToFirstToken(evaluator: loaded.evaluator, adapter: adapter)
        .figures(plan, limit: inference.contextLimit(of: loaded.model), progress: update)
    }
    let report = FirstTokenReport(
      model: inference.model, adapter: inference.adapter, evaluator: loaded.evaluator, figures: figures)
    try file?.commit(Array(FirstTokenPlot(rows: figures.times).svg.utf8))
    common.write(report.json, text: report.text)
  }
}
