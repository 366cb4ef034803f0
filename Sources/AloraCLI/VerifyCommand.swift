internal import AloraModels
internal import AloraSystem
internal import AloraInference
internal import AloraReports
internal import AloraTokenization
internal import AloraVerification
internal import ArgumentParser

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
    } else {
      try require(inference.adapter != nil, "verify needs --adapter.")
    }
    if merged != nil { try refuse([server, page] + proofOptions, with: "--merged") }
    if serverOptions.server != nil { try refuse(proofOptions, with: "--server") }
    try require(tolerance.map { $0 > 0 && $0 < 1 } ?? true, "--tolerance must be above 0 and below 1.")
    try require(!exact || golden != nil, "--exact needs --golden.")
    try require(
      !common.json || !reports.contains(where: \.writesLog),
      "--report github writes annotations to standard output, where --json writes, too.")
    let (baseline, replacesBaseline) = (baselineOptions.baseline, baselineOptions.accept)
    let overwritten = OutputPaths.firstOverwriting(
      reports.compactMap(\.path) + [replacesBaseline ? baseline : nil].compactMap { $0 },
      inputs: [inference.model, inference.adapter, golden, replacesBaseline ? nil : baseline].compactMap { $0 })
    try require(
      overwritten == nil, "'\(overwritten ?? "")' would be overwritten: this run already reads or writes it.")
    try require((1...256).contains(jobs ?? 1), "--jobs must be from 1 to 256.")
    try require(inference.backend == .exact, "verify compares bits: it needs --backend exact.")
  }

  /// - Throws: `ValidationError` if one of the options is given.
  private func refuse(_ options: [(name: String, isGiven: Bool)], with mode: String) throws {
    let given = options.first(where: \.isGiven)
    try require(given == nil, "\(given?.name ?? "") can't be used with \(mode).")
  }

  func run() throws {
    try OutputPaths.checkWritable(reports.compactMap(\.path))
    if let library { return try verifyLibrary(library) }
    if let merged { return try verifyMerged(merged) }
    if let server = serverOptions.server { return try verifyServer(at: server) }
    try baselineOptions.requireFileInCI()
    let (loaded, adapter) = try inference.loadWithAdapter(common)
    let model = loaded.model
    let goldenFile = try golden.map { try GoldenFile(path: $0, vocabularySize: model.vocabularySize) }
    try goldenFile?.check(inference.contextLimit(of: model))
    let tokenizer = spellingTokenizer()
    let verification = Verification(
      model: model, adapter: adapter, evaluator: loaded.evaluator, tolerance: tolerance, demandsExactness: exact)
    let proven = try common.withProgress("verifying") { update in
      try verification.run(golden: goldenFile, jobCount: jobs ?? 1) { update($0 * 10_000 / max(1, $1)) }
    }
    let result = try baselineOptions.check(proven, model, adapter, common)
    let report = VerificationReport(
      model: inference.model, adapter: adapter, golden: golden, result: result, tokenizer: tokenizer)
    try common.publish(report, to: reports) { HTMLReport(report, context: try context(model, adapter)).text }
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

extension ReportTarget: ExpressibleByArgument {
  init?(argument: String) { self.init(argument) }
}
