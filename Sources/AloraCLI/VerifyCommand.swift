internal import AloraGeneration
internal import AloraModels
internal import AloraTensors
internal import AloraSystem
internal import AloraInference
internal import AloraNPZ
internal import AloraReports
internal import AloraTokenization
internal import AloraVerification
internal import ArgumentParser
internal import Synchronization

/// `alora verify`: proves what an adapter promises about a base.
struct VerifyCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "verify",
    abstract:
      "Prove that an adapter changes nothing before its activation, and that the rest is as trained.",
    discussion: """
      Examples:
        alora verify --model base.gguf --adapter my-adapter.gguf --golden golden.npz
        alora verify --model base --adapter my-adapter --baseline baseline.json
        alora verify --model base --adapter my-adapter --merged merged
        alora verify --model granite-switch --library adapters
        alora verify --server http://127.0.0.1:8080 --model base.gguf \\
            --adapter my-adapter.gguf

      Five proofs: the adapter fits the base; before the activation, logits, keys, values and recurrent states are the \
      base's, bit for bit; \
      continuing from a cache gives the same bits as computing from scratch; the adapter changes logits and agrees with the golden \
      logits; the prompts would reveal an activation that is off by one token. Without --golden, alora generates prompts \
      around the invocation. The exit code is 1 if a proof fails.
      """)

  @OptionGroup var inference: InferenceOptions

  @Option(help: ArgumentHelp("Golden logits, saved with NumPy.", valueName: "npz"))
  var golden: String?

  @Option(
    help: ArgumentHelp(
      "The largest difference from goldens to accept, relative to the row's largest logit. The default is the golden file's, or \(Tolerance.standard.limit).",
      valueName: "x"))
  var tolerance: Double?

  @Flag(help: "Require the exact bits of goldens that alora golden record made with this model and adapter.")
  var exact = false

  @Option(
    name: .customLong("report"),
    help: ArgumentHelp(
      "Write a report: html=FILE, json=FILE, junit=FILE, github=FILE (Markdown, with annotations on standard output), or github alone for the job's summary. Repeatable.",
      valueName: "kind=file"))
  var reports: [ReportTarget] = []

  @OptionGroup var baselineOptions: BaselineOptions

  @Option(
    help: ArgumentHelp(
      "How many prompts to verify at once, each on a share of the threads. The default is 1; reports don't depend on it.",
      valueName: "n"))
  var jobs: Int?

  @Option(
    help: ArgumentHelp(
      "A merged model: prove that it is the sum of --model and --adapter, as far as its type allows.",
      valueName: "dir|gguf"))
  var merged: String?

  @Option(
    help: ArgumentHelp(
      "A tree of adapters: prove that each slot of the Granite Switch --model is one of them, with PEFT's scaling.",
      valueName: "tree"))
  var library: String?

  @OptionGroup var serverOptions: ServerOptions

  @OptionGroup var common: CommonOptions

  func validate() throws {
    let proofOptions = [
      ("--golden", golden != nil), ("--baseline", baselineOptions.baseline != nil), ("--tolerance", tolerance != nil),
      ("--jobs", jobs != nil),
    ]
    let page = ("--report html", reports.contains(where: \.isHTML))
    let server = ("--server", serverOptions.server != nil)
    if library != nil {
      let others = [("--adapter", inference.adapter != nil), ("--merged", merged != nil), ("--exact", exact)]
      try refuse(others + [server, page] + proofOptions, with: "--library")
    } else if inference.adapter == nil {
      throw ValidationError("verify needs --adapter.")
    }
    if merged != nil { try refuse([server, page] + proofOptions, with: "--merged") }
    if serverOptions.server != nil { try refuse(proofOptions, with: "--server") }
    if let tolerance, !(tolerance > 0 && tolerance < 1) {
      throw ValidationError("--tolerance must be above 0 and below 1.")
    }
    guard !exact || golden != nil else { throw ValidationError("--exact needs --golden.") }
    guard !common.json || !reports.contains(where: \.writesOutput) else {
      throw ValidationError("--report github writes annotations to standard output, where --json writes, too.")
    }
    try OutputPlaces.checkDistinct(
      reports.compactMap(\.path) + (baselineOptions.accept ? [baselineOptions.baseline] : []).compactMap { $0 },
      inputs: [inference.model, inference.adapter, golden, baselineOptions.accept ? nil : baselineOptions.baseline]
        .compactMap { $0 })
    if let jobs, !(1...256).contains(jobs) { throw ValidationError("--jobs must be from 1 to 256.") }
    guard inference.backend == .exact else { throw ValidationError("verify compares bits: it needs --backend exact.") }
  }

  /// - Throws: `ValidationError` if one of the options is given.
  private func refuse(_ options: [(name: String, isGiven: Bool)], with mode: String) throws {
    guard let given = options.first(where: \.isGiven) else { return }
    throw ValidationError("\(given.name) can't be used with \(mode).")
  }

  func run() throws {
    try OutputPlaces.checkWritable(reports.compactMap(\.path))
    if let library {
      return try VerifyLibrary(model: inference.model, reports: reports, common: common).run(library)
    }
    if let merged {
      return try VerifyMerged(inference: inference, reports: reports, common: common).run(merged)
    }
    if let server = serverOptions.server {
      return try VerifyServer(inference: inference, options: serverOptions, reports: reports, common: common).run(
        server)
    }
    try baselineOptions.requireFileInCI()
    let loaded = try inference.load(common)
    guard let adapter = loaded.adapter else { throw ExitStatus.usage }
    let goldenFile = try golden.map { try GoldenFile(path: $0, vocabularySize: loaded.model.vocabularySize) }
    let limit = inference.contextLimit(of: loaded.model)
    for item in goldenFile?.cases ?? [] {
      try limit.check(item.tokens.count, name: "case \(item.index)", path: golden)
    }
    let prompts = NamedPrompt.standard(
      invocation: adapter.invocationTokens, vocabularySize: loaded.model.vocabularySize)
    let progress = Mutex(Progress("verifying", total: 10_000, isQuiet: common.quiet))
    let tokenizer = spellingTokenizer()
    var piece: (@Sendable (Int) -> String?)?
    if let tokenizer { piece = { tokenizer.spelling(of: $0) } }
    let proven = try Verification(
      model: loaded.model, adapter: adapter, evaluator: loaded.evaluator, tolerance: tolerance,
      demandsExactness: exact
    ).run(prompts: prompts, golden: goldenFile, jobCount: jobs ?? 1) { done, total in
      progress.withLock { $0.update(done * 10_000 / max(1, total)) }
    }
    progress.withLock { $0.finish() }
    let result = try baselineOptions.check(proven, loaded, adapter, common)
    let report = VerificationReport(
      model: inference.model, adapter: adapter.path, golden: golden, adapterDigest: adapter.digest.description,
      result: result, piece: piece)
    try ReportTarget.publish(
      reports, CheckList(report), json: report.json, text: TextReport(style: common.style).text(report),
      passed: result.passed, common
    ) { HTMLReport(report, context: try context(loaded.model, adapter)).text }
  }

  /// - Throws: what reading the files for their digests throws.
  private func context(_ model: Model, _ adapter: Adapter) throws -> ReportContext {
    var command = ["alora", "verify", "--model", inference.model, "--adapter", adapter.path]
    if let golden { command += ["--golden", golden] }
    if let tolerance { command += ["--tolerance", "\(tolerance)"] }
    if exact { command.append("--exact") }
    if let baseline = baselineOptions.baseline { command += ["--baseline", baseline] }
    return ReportContext(
      model: try .init(model, path: inference.model), adapter: try .init(adapter),
      golden: try golden.map { try .init(golden: $0) }, invocation: adapter.invocationTokens,
      tolerance: tolerance ?? Tolerance.standard.limit, version: aloraVersion, command: command)
  }

  /// For the spelling of tokens only: a model without a tokenizer, or with a damaged one, is still verified.
  private func spellingTokenizer() -> Tokenizer? {
    do { return try Tokenizer.tokenizerPath(ofModel: inference.model).map { try Tokenizer(path: $0) } } catch {
      common.note("\(error); tokens are shown as numbers")
      return nil
    }
  }
}
