internal import AloraConversion
internal import AloraIntrinsics
internal import AloraReports
internal import AloraTensors
internal import ArgumentParser

/// `alora convert`: a PEFT or MLX adapter becomes a GGUF adapter, a GGUF adapter a PEFT directory or another GGUF.
struct ConvertCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "convert",
    abstract: "Convert a PEFT or MLX adapter to GGUF, or back to PEFT.",
    discussion: """
      Examples:
        alora convert my-adapter --base base.gguf --outfile my-adapter.gguf
        alora convert --recursive library --base base.gguf --outdir converted
        alora convert my-adapter.gguf --to peft --base base -o my-adapter
        alora convert my.gguf --outtype q8_0 --set general.license=mit -o small.gguf

      The base can be a Hugging Face directory (config.json is enough; no weights are read) or a GGUF. The adapter is checked \
      against it before anything is written. What GGUF or PEFT can't express is refused by name. A GGUF that stays one needs no \
      base.
      """)

  @Argument(
    help: "The directory that PEFT's save_pretrained or mlx_lm.lora wrote, or a GGUF. With --recursive, a tree of them."
  )
  var adapter: String

  @Option(
    help: ArgumentHelp(
      "The base model: a Hugging Face directory or a GGUF. Can be repeated: each adapter goes to the base that it names.",
      valueName: "dir|gguf"))
  var base: [String] = []

  @Option(help: ArgumentHelp("What it becomes: gguf (the default) or peft.", valueName: "form"), transform: named)
  var to = ConversionRequest.Form.gguf

  @Option(
    name: [.customShort("o"), .long],
    help: ArgumentHelp(
      "The file to write; with --to peft, the directory. The default is a name in the current directory.",
      valueName: "file"))
  var outfile: String?

  @Option(help: ArgumentHelp("The directory to write to.", valueName: "dir"))
  var outdir: String?

  @Option(
    help: ArgumentHelp(
      "The element type: f32 (the default), f16, bf16, q8_0, or auto to keep the adapter's own. A GGUF keeps its own.",
      valueName: "type"),
    transform: { (text) throws -> OutputType in
      if let type = DType(needingImportanceMatrix: text) {
        throw ValidationError(
          "\(type.name) is made with an importance matrix, and llama.cpp has none of adapters. Give q8_0.")
      }
      return try named(text)
    })
  var outtype: OutputType?

  @Option(
    name: .customLong("set"),
    help: ArgumentHelp(
      "Set a general.* key of a GGUF adapter; an empty value removes it. Repeatable.", valueName: "key=value"),
    transform: setting)
  var settings: [GeneralKeySetting] = []

  @Flag(help: "Convert every adapter in the tree. If one fails, the others are still converted.")
  var recursive = false

  @Flag(help: "With --recursive: also write what alora serve --library and mellea read, and check each io.yaml.")
  var index = false

  @Flag(help: "Show what would be written without writing it.")
  var dryRun = false

  @Flag(help: "Replace an existing file.")
  var force = false

  @Option(
    help: ArgumentHelp("The base to record, if the adapter names it wrongly or not at all.", valueName: "org/name"))
  var baseModelID: String?

  @OptionGroup var reading: AdapterReadingOptions

  @OptionGroup var common: CommonOptions

  func validate() throws {
    try requireFile(outfile, option: "--outfile")
    let isEdit = !recursive && (try? request.isEdit(of: adapter)) == true
    try require(isEdit || !base.isEmpty, "Missing expected argument '--base <dir|gguf>'")
    try require(
      !isEdit || base.isEmpty && reading.ignoredFields.isEmpty && baseModelID == nil && !reading.textOnly,
      "A GGUF adapter is edited as it is: leave out --base, --base-model-id, --ignore-field and --text-only")
    try require(to != .peft || outtype == nil, "--to peft keeps the types: leave out --outtype")
    if recursive {
      try require(to == .gguf && settings.isEmpty, "--recursive converts to GGUF: leave out --to and --set")
      try require(outfile == nil, "--recursive writes many files: give --outdir, not --outfile")
      try require(outdir != nil || dryRun, "--recursive needs --outdir")
      try require(!index || outdir != nil, "--index needs --outdir")
    } else {
      try require(!index, "--index belongs to --recursive")
      try require(outdir == nil || outfile == nil, "give --outfile or --outdir, not both")
    }
  }

  func run() throws {
    let bases = try base.map { try ConversionBase(path: $0) }
    if recursive { try convertTree(bases) } else { try convertOne(bases) }
  }

  private var request: ConversionRequest {
    ConversionRequest(
      form: to, outputType: outtype, settings: settings, ignoredFields: reading.ignoredFields, baseModelID: baseModelID,
      leavesOutTowers: reading.textOnly)
  }

  private func convertOne(_ bases: [ConversionBase]) throws {
    let conversion = try AdapterConversion(path: adapter, bases: bases, request: request)
    let output = conversion.outputPath(file: outfile, directory: outdir, adapterPath: adapter)
    let summary = try write(conversion, to: output)
    common.write(
      conversion.json(output: output, summary: summary),
      text: conversion.text(output: output, summary: summary, style: common.style), evenIfQuiet: false)
  }

  /// - Returns: nil if nothing is to be written.
  private func write(_ conversion: AdapterConversion, to path: String) throws -> AdapterConversion.Summary? {
    if dryRun { return nil }
    return try common.withProgress("Writing", of: conversion.byteCount) { update in
      try conversion.write(to: path, createsDirectory: outdir != nil, replacesExisting: force, progress: update)
    }
  }

  private func convertTree(_ bases: [ConversionBase]) throws {
    let tree = try TreeConversion(root: adapter)
    for link in tree.linksOut { common.note("\(link): this link leads out of the tree and is not followed") }
    var rows: [TreeRow] = []
    var libraries: [IntrinsicLibrary] = []
    func add(_ name: String, _ outcome: TreeConversion.Outcome, _ findings: [IntrinsicFinding] = []) {
      rows.append(TreeRow(adapter: name, outcome, findings, hasJSON: common.json) { $0.line })
    }
    if index, let outdir {
      var library = try LibraryConversion(
        tree, root: adapter, bases: bases, directory: outdir, replacesExisting: force || dryRun)
      library.run(request, write: write, report: add)
      if !dryRun { libraries = try library.writeLists(replacesExisting: force) }
    } else {
      tree.run(bases, request, directory: outdir, write: write) { add($0, $1) }
    }
    common.write(TreeRow.json(rows, libraries), text: TreeRow.table(rows, libraries, style: common.style))
    if let worst = rows.compactMap(\.failure).map(ExitStatus.init).max(by: { $0.rawValue < $1.rawValue }) {
      throw worst
    }
  }
}

private func setting(_ text: String) throws -> GeneralKeySetting {
  if let setting = GeneralKeySetting(text) { return setting }
  throw ValidationError("'\(text)' sets nothing; write KEY=VALUE, as in general.license=apache-2.0")
}
