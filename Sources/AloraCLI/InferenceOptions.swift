internal import AloraAdapters
internal import AloraModels
internal import AloraSystem
internal import AloraGeneration
internal import AloraInference
internal import AloraReports
internal import AloraSwitch
internal import ArgumentParser

/// Options of the commands that compute with a model.
struct InferenceOptions: ParsableArguments {
  @Option(help: ArgumentHelp("The base model: a Hugging Face directory or a GGUF.", valueName: "dir|gguf"))
  var model: String

  @Option(help: ArgumentHelp("A LoRA adapter: a PEFT directory or a GGUF.", valueName: "dir|gguf"))
  var adapter: String?

  @Option(help: ArgumentHelp("The number of threads. The default is one per processor.", valueName: "n"))
  var threads: Int?

  @Option(
    help: ArgumentHelp(
      "exact (the default) gives the same bits everywhere; openblas is a second opinion, close but not equal.",
      valueName: "name"), transform: named)
  var backend = Backend.exact

  @OptionGroup var kernels: KernelOptions

  @OptionGroup var context: ContextOptions

  func validate() throws {
    if let threads, !(1...1024).contains(threads) { throw ValidationError("--threads must be from 1 to 1024.") }
  }

  /// How long the prompts may be.
  func contextLimit(of model: Model) -> ContextLimit { ContextLimit(model, isIgnored: context.beyondContext) }

  /// - Parameters:
  ///   - keepsWeights: see ``Model``.
  /// - Throws: what loading throws.
  ///   - opened: the model, if it was opened already; its own adapters are loaded, too.
  func load(
    _ common: CommonOptions, keepsWeights: Bool = true, opened: ModelWithAdapters? = nil
  ) throws -> LoadedModel {
    let pool = ThreadPool(threadCount: threads ?? ThreadPool.processorCount)
    let source = try opened?.source ?? ModelSource(path: model)
    let loaded = try Model(source: source, backend: backend, keepsWeights: keepsWeights, pool: pool)
    let builtIn = try (opened?.adapters ?? []).map {
      (name: $0.name, adapter: try Adapter($0.adapter, model: loaded, pool: pool))
    }
    let adapter = try adapter.map { try Adapter(path: $0, model: loaded, pool: pool) }
    // Once nothing is refused any more: a refusal is one line.
    if let adapter { common.note(of: adapter) }
    if backend == .openblas {
      common.note(try OpenBLAS().note)
    }
    let evaluator = Evaluator(model: loaded, pool: pool, instructionSet: kernels.instructionSet)
    return LoadedModel(model: loaded, adapter: adapter, builtIn: builtIn, evaluator: evaluator)
  }
}

/// Which kernels to use.
struct KernelOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "scalar, avx2, avx512 or neon. The default is the fastest; the results are the same bits.",
      valueName: "name"), transform: named)
  var instructionSet = InstructionSet.best

  func validate() throws {
    guard !InstructionSet.available.contains(instructionSet) else { return }
    let available = InstructionSet.available.map(\.rawValue).joined(separator: ", ")
    throw ValidationError("This processor doesn't support '\(instructionSet.rawValue)'; it supports \(available).")
  }
}

extension CommonOptions {
  /// Writes what one should know about an adapter to standard error.
  func note(of adapter: Adapter) {
    for note in adapter.notes { self.note("\(adapter.path): \(NoteText(note))".escapingControlCharacters()) }
  }

  /// Writes what an adapter's own tokenizer and chat template say that the base's don't.
  func note(_ findings: [CompanionFinding], about adapter: String) {
    for note in findings.map(\.note) { self.note("\(adapter): \(note)".escapingControlCharacters()) }
  }
}

/// A model and perhaps an adapter, ready to compute.
struct LoadedModel {
  let model: Model
  let adapter: Adapter?
  /// The adapters that the model brings along.
  let builtIn: [(name: String, adapter: Adapter)]
  let evaluator: Evaluator
}

/// One of a type's few values by its name, in small or capital letters.
func named<Value: RawRepresentable & CaseIterable>(_ text: String) throws -> Value where Value.RawValue == String {
  if let value = Value(rawValue: text.lowercased()) { return value }
  throw ValidationError("'\(text)' is not one of \(Value.allCases.map(\.rawValue).joined(separator: ", ")).")
}
