internal import AloraInference
internal import AloraMerge
internal import AloraModels
internal import AloraReports
internal import AloraTensors
internal import ArgumentParser

/// `alora merge`: a plain LoRA or DoRA becomes part of its base's weights.
struct MergeCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "merge",
    abstract: "Merge a plain LoRA or DoRA adapter into its base's weights.",
    discussion: """
      Examples:
        alora merge --model base --adapter my-adapter --outdir merged
        alora merge --model base.gguf --adapter my-adapter --outfile merged.gguf

      A Hugging Face directory becomes a directory, a GGUF becomes a GGUF. The weights are what PEFT's merge_and_unload gives, \
      rounded once to the type that each tensor has; quantized types get the bytes of ggml's own quantizers. Memory doesn't \
      depend on the size of the model. An Activated LoRA can't be merged: it is active from its invocation on only.
      """)

  @Option(help: ArgumentHelp("The base: a Hugging Face directory or a GGUF.", valueName: "dir|gguf"))
  var model: String

  @Option(help: ArgumentHelp("The adapter: a PEFT or MLX directory, or a GGUF.", valueName: "dir|gguf"))
  var adapter: String

  @Option(name: [.customShort("o"), .long], help: ArgumentHelp("The GGUF to write.", valueName: "file"))
  var outfile: String?

  @Option(help: ArgumentHelp("The directory to write.", valueName: "dir"))
  var outdir: String?

  @Option(
    help: ArgumentHelp(
      """
      The type of the tensors that change, in a GGUF: f32, f16, bf16, q8_0, q6_k, q5_k, q4_k, q3_k, q2_k, q5_1, q5_0, q4_1, q4_0, \
      iq4_nl, iq4_xs, mxfp4, tq1_0, tq2_0. By default, they keep theirs.
      """,
      valueName: "type"),
    transform: weightType)
  var outtype: DType?

  @Flag(help: "Show what would be written without writing it.")
  var dryRun = false

  @Flag(help: "Replace existing files.")
  var force = false

  @OptionGroup var reading: AdapterReadingOptions

  @OptionGroup var common: CommonOptions

  func validate() throws {
    try requireFile(outfile, option: "--outfile")
    try requireFile(outdir, option: "--outdir")
    try require(
      (outfile == nil) != (outdir == nil),
      "Give one of --outfile (for a GGUF) and --outdir (for a Hugging Face directory).")
    try require(
      outdir == nil || outtype == nil, "--outtype is for a GGUF: a Hugging Face directory keeps its types.")
  }

  func run() throws {
    let plan = try MergePlan(
      model: ModelSource(path: model), adapterPath: adapter, ignoredFields: Set(reading.ignoredFields),
      leavesOutTowers: reading.textOnly, outputType: outtype)
    let byteCount = try dryRun ? nil : write(plan)
    let report = MergeReport(plan, adapter: adapter, output: outfile ?? outdir ?? "", byteCount: byteCount)
    common.write(report.json, text: report.text(style: common.style), evenIfQuiet: false)
  }

  private func write(_ plan: MergePlan) throws -> Int {
    try common.withProgress("Writing", of: plan.dataByteCount) { update in
      if let outfile {
        return try plan.writeGGUF(
          to: outfile, replacesExisting: force, division: ThreadPool.ofAllProcessors.division, progress: update)
      }
      return try plan.writeDirectory(to: outdir ?? "", replacesExisting: force, progress: update)
    }
  }
}

private func weightType(_ text: String) throws -> DType {
  if let type = DType(needingImportanceMatrix: text) {
    throw ValidationError(
      "\(type.name) is made with an importance matrix, and alora has none. Give "
        + "\(type.nearestWrittenType.name.lowercased()), or merge into an F16 GGUF and quantize that with "
        + "llama-quantize --imatrix.")
  }
  let types = DType.allCases.filter { ElementConversion.canNarrow($0) }
  if let type = types.first(where: { $0.name.lowercased() == text.lowercased() }) { return type }
  let names = types.map { $0.name.lowercased() }.joined(separator: ", ")
  throw ValidationError("'\(text)' is not a type that alora writes: \(names).")
}

extension DType {
  /// The type of that name, in small or capital letters, if it is made with an importance matrix.
  init?(needingImportanceMatrix name: String) {
    guard
      let type = DType.allCases.first(where: { $0.needsImportanceMatrix && $0.name.lowercased() == name.lowercased() })
    else { return nil }
    self = type
  }
}
