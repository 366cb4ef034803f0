internal import AloraAdapters
internal import AloraGeneration
internal import AloraInference
internal import AloraModels
internal import AloraReports
internal import AloraSwitch
internal import AloraSystem
internal import ArgumentParser

/// Options of the commands that compute with a model.
struct InferenceOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The base model: a Hugging Face directory or a GGUF.", valueName: "dir|gguf"))
  var model: String

  @Option(help: ArgumentHelp("A LoRA adapter: a PEFT directory or a GGUF.", valueName: "dir|gguf"))
  var adapter: String?

  @OptionGroup var threading: ThreadOptions

  @Option(
    help: ArgumentHelp(
      "exact (the default) gives the same bits everywhere; openblas is a second opinion, close but not equal.",
      valueName: "name"), transform: named)
  var backend = Backend.exact

  @OptionGroup var kernels: KernelOptions

  @OptionGroup var context: ContextOptions

  func validate() throws { try require(threading.isInRange, "--threads must be from 1 to 1024.") }

  /// How long the prompts may be.
  func contextLimit(of model: Model) -> ContextLimit { ContextLimit(model, isIgnored: context.beyondContext) }

  /// Opens the model and the adapter, if there is one.
  ///
  /// - Parameters:
  ///   - keepsWeights: see ``Model``.
  ///   - loadsBuiltIn: whether to load the adapters that the model brings along, too.
  /// - Throws: what loading throws.
  func load(_ common: CommonOptions, keepsWeights: Bool = true, loadsBuiltIn: Bool = false) throws -> LoadedModel {
    let loaded = try LoadedModel(
      loadsBuiltIn ? ModelWithAdapters(path: model) : ModelWithAdapters(without: ModelSource(path: model)),
      adapters: adapter.map { [NamedPath(name: "adapter", path: $0)] } ?? [], backend: backend,
      keepsWeights: keepsWeights, pool: threading.pool, instructionSet: kernels.instructionSet)
    // Once nothing is refused any more: a refusal is one line.
    if let adapter = loaded.adapter { common.note(of: adapter) }
    if backend == .openblas { common.note(try OpenBLAS().note) }
    return loaded
  }

  /// The same for a command whose ``validate()`` requires an adapter.
  func loadWithAdapter(_ common: CommonOptions) throws -> (LoadedModel, Adapter) {
    let loaded = try load(common)
    guard let adapter = loaded.adapter else { throw ExitStatus.usage }
    return (loaded, adapter)
  }
}

/// How many threads compute.
struct ThreadOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The number of threads. The default is one per processor.", valueName: "n"))
  var threads: Int?

  var isInRange: Bool { (1...1024).contains(threads ?? 1) }

  var pool: ThreadPool { threads.map { ThreadPool(threadCount: $0) } ?? .ofAllProcessors }
}

/// Which kernels to use.
struct KernelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "scalar, avx2, avx512 or neon. The default is the fastest; the results are the same bits.",
      valueName: "name"), transform: named)
  var instructionSet = InstructionSet.best

  func validate() throws {
    let available = InstructionSet.available
    try require(
      available.contains(instructionSet),
      "This processor doesn't support '\(instructionSet.rawValue)'; "
        + "it supports \(available.map(\.rawValue).joined(separator: ", ")).")
  }
}
