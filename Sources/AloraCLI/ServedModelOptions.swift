internal import AloraAdapters
internal import AloraInference
internal import AloraModels
internal import AloraReports
internal import AloraSwitch
internal import AloraSystem
internal import ArgumentParser

/// The base and the adapters of a command that answers with any of them.
struct ServedModelOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The base model: a Hugging Face directory or a GGUF.", valueName: "dir|gguf"))
  var model: String

  @Option(
    help: ArgumentHelp(
      "A LoRA adapter and a name for it. The default names are adapter, adapter2, … Repeatable.",
      valueName: "[name=]dir|gguf"))
  var adapter: [String] = []

  func validate() throws {
    let names = paths.map(\.name)
    try require(
      Set(names).count == names.count && !names.contains("base") && !names.contains(""),
      "Each adapter needs a name of its own, and none is called 'base'.")
  }

  /// The adapters' paths and names.
  var paths: [NamedPath] { NamedPath.all(adapter) }

  /// The model, and the adapters that it brings along.
  ///
  /// - Throws: what opening it throws; `ValidationError` if an adapter has the name of one of them.
  func open() throws -> ModelWithAdapters {
    let opened = try ModelWithAdapters(path: model)
    let slot = opened.adapters.first { slot in paths.contains { $0.name == slot.name } }
    try require(
      slot == nil, "'\(slot?.name ?? "")' is an adapter of the model itself. Give the other one another name.")
    return opened
  }

  /// Writes what users should know about the adapters.
  ///
  /// - Parameter comparesTemplates: whether their own chat templates matter.
  func note(
    _ adapters: [(name: String, adapter: Adapter)], of model: Model, comparesTemplates: Bool, _ common: CommonOptions
  ) {
    for (_, adapter) in adapters where !common.quiet {
      common.note(of: adapter)
      let companions = CompanionFinding.findings(
        adapter: adapter.path, base: self.model, tokenizer: model.source.tokenizer,
        comparesTemplates: comparesTemplates)
      common.note(companions.map(\.note), about: adapter.path)
    }
  }
}

/// What a command with a prefix cache computes with.
struct ServedComputationOptions: ParsableArguments {
  @OptionGroup var threading: ThreadOptions

  @Option(help: ArgumentHelp("The maximum size of the cache.", valueName: "megabytes"))
  var cacheLimit = 2048

  func validate() throws {
    try require(threading.isInRange, "--threads is from 1 to 1024.")
    try require((0...1 << 40).contains(cacheLimit), "--cache-limit is not negative.")
  }

  /// Units: bytes.
  var cacheByteLimit: Int {
    let product = cacheLimit.multipliedReportingOverflow(by: 1_000_000)
    return product.overflow ? .max : product.partialValue
  }
}
