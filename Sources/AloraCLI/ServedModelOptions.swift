internal import AloraAdapters
internal import AloraInference
internal import AloraModels
internal import AloraSwitch
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

  func validate() throws { try NamedPath.check(adapter) }

  /// The adapters by their names, with notes of what users should know.
  ///
  /// - Parameters:
  ///   - further: adapters that other options name.
  ///   - builtIn: adapters that the model brings along, which come first.
  ///   - comparesTemplates: whether their own chat templates matter.
  func adapters(
    _ further: [NamedPath] = [], of model: Model, builtIn: [(name: String, adapter: BoundAdapter)] = [],
    _ pool: ThreadPool, comparesTemplates: Bool, _ common: CommonOptions
  ) throws -> [(name: String, adapter: Adapter)] {
    let slots = try builtIn.map { (name: $0.name, adapter: try Adapter($0.adapter, model: model, pool: pool)) }
    let adapters = try (NamedPath.all(adapter) + further).map {
      (name: $0.name, adapter: try Adapter(path: $0.path, model: model, pool: pool))
    }
    for (_, adapter) in adapters where !common.quiet {
      common.note(of: adapter)
      common.note(
        CompanionFinding.findings(
          adapter: adapter.path, base: self.model, tokenizer: model.source.tokenizer,
          comparesTemplates: comparesTemplates), about: adapter.path)
    }
    return slots + adapters
  }

  /// The model, and the adapters that it brings along.
  ///
  /// - Throws: what opening it throws; `ValidationError` if an adapter has the name of one of them.
  func open() throws -> ModelWithAdapters {
    let opened = try ModelWithAdapters(path: model)
    let names = NamedPath.all(adapter).map(\.name)
    if let slot = opened.adapters.first(where: { names.contains($0.name) }) {
      throw ValidationError("'\(slot.name)' is an adapter of the model itself. Give the other one another name.")
    }
    return opened
  }
}

/// What a command with a prefix cache computes with.
struct ServedComputationOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The number of threads. The default is one per processor.", valueName: "n"))
  var threads: Int?

  @Option(
    name: .customLong("cache-limit"), help: ArgumentHelp("The maximum size of the cache.", valueName: "megabytes"))
  var cacheLimit = 2048

  func validate() throws {
    guard (1...1024).contains(threads ?? 1) else { throw ValidationError("--threads is from 1 to 1024.") }
    guard (0...1 << 40).contains(cacheLimit) else { throw ValidationError("--cache-limit is not negative.") }
  }

  var pool: ThreadPool { ThreadPool(threadCount: threads ?? ThreadPool.processorCount) }

  /// Units: bytes.
  var cacheByteLimit: Int {
    let product = cacheLimit.multipliedReportingOverflow(by: 1_000_000)
    return product.overflow ? .max : product.partialValue
  }
}
