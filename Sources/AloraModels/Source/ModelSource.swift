package import AloraGGUF
package import AloraJSON
internal import AloraSafetensors
internal import AloraSystem
package import AloraTensors
internal import AloraTokenization

/// A base model at a path: a Hugging Face directory, its configuration alone, or a GGUF.
///
/// The path is examined once. Each part is opened when it is first needed, and kept.
///
///     let source = try ModelSource(path: "SmolLM2-135M-Instruct")
///     let base = try source.base()
///     let tokenizer = try source.tokenizer()
package final class ModelSource: Sendable {
  enum Storage: Sendable {
    case directory(DirectoryContents, configurationPath: String)
    case gguf(GGUFFileSet)
  }

  /// What a model within the files of another one has of its own.
  package struct View: Sendable {
    /// Nil for a GGUF.
    package let configuration: JSON?
    package let tensors: any TensorSource
    /// The tensors, of a GGUF.
    package let gguf: GGUFFileSet?
    package let controlTokens: ControlTokens

    package init(
      configuration: JSON?, tensors: any TensorSource, gguf: GGUFFileSet?, controlTokens: ControlTokens
    ) {
      self.configuration = configuration
      self.tensors = tensors
      self.gguf = gguf
      self.controlTokens = controlTokens
    }
  }

  /// As it was given.
  package let path: String
  let storage: Storage
  private let view: View?
  private let storedConfiguration = Lazy<JSON>()
  private let storedBase = Lazy<BaseModel>()
  private let storedGraph = Lazy<ModelGraph>()
  private let storedWeights = Lazy<SafetensorsFileSet>()
  let storedTokenizer = Lazy<Tokenizer>()

  /// - Throws: ``FileError``; ``PathError``, which says what is at the path instead; ``GGUFError``.
  package init(path: String) throws {
    let contents = try PathContents(path: path)
    self.path = path
    view = nil
    switch contents {
    case .directory(let directory) where directory.hasConfiguration:
      storage = .directory(directory, configurationPath: directory.file(ModelFiles.configuration))
    case .configuration:
      storage = .directory(try DirectoryContents(containing: path), configurationPath: path)
    case .gguf: storage = .gguf(try GGUFFileSet(path: path))
    default: throw contents.unexpected(at: path, for: .model)
    }
  }

  /// A model in the files of another one. Tokenizer and template are the other's, and the digest is of its files.
  package init(_ whole: ModelSource, view: View) {
    path = whole.path
    storage = view.gguf.map(Storage.gguf) ?? whole.storage
    self.view = view
  }

  /// The tokens that switch adapters of the model on; nil if it is an ordinary model.
  package var controlTokens: ControlTokens? { view?.controlTokens }

  /// The GGUF; nil for a directory.
  package var gguf: GGUFFileSet? { if case .gguf(let files) = storage { files } else { nil } }

  /// The configuration of a directory; nil for a GGUF.
  ///
  /// - Throws: ``FileError``, ``JSONError``.
  package func configuration() throws -> JSON? {
    guard case .directory(_, let configurationPath) = storage else { return nil }
    if let configuration = view?.configuration { return configuration }
    return try storedConfiguration.value {
      try JSONDocument(path: configurationPath, allowsNonFinite: true).root
    }
  }

  /// The model as its configuration or its header describes it.
  ///
  /// - Throws: ``JSONError``, ``GGUFError``, ``ArchitectureError``.
  package func base() throws -> BaseModel {
    try storedBase.value {
      if let configuration = try configuration() { return try BaseModel(configuration: configuration) }
      guard let gguf else { preconditionFailure("a model without a form") }
      return try BaseModel(gguf: gguf)
    }
  }

  /// How the model computes.
  ///
  /// - Throws: as ``base()``.
  package func graph() throws -> ModelGraph {
    try storedGraph.value {
      if let configuration = try configuration() { return try ModelGraph(configuration: configuration, base: base()) }
      guard let gguf else { preconditionFailure("a model without a form") }
      return try ModelGraph(gguf: gguf, base: base())
    }
  }

  /// The weights, ready to compute with.
  ///
  /// - Throws: ``PathError`` `missingPart`; ``ArchitectureError`` `quantizedWeights`; ``FileError``,
  ///   ``SafetensorsError``, ``JSONError``.
  package func weights() throws -> any TensorSource {
    guard case .directory(let directory, _) = storage else { return try tensors() }
    if let method = try quantization(), !method.isEightBitFloat,
      try !(method.isMXFP4 && base().architecture().readsMXFP4)
    {
      throw method.refusal(path: try configuration()?.filePath ?? path)
    }
    guard directory.hasWeights else { throw directory.missingWeights }
    return try tensors()
  }

  /// How the weights of a directory were quantized; nil if its configuration names no method, and for a GGUF.
  ///
  /// - Throws: ``FileError``, ``JSONError``.
  package func quantization() throws -> QuantizationMethod? {
    try configuration().flatMap { try QuantizationMethod(configuration: $0) }
  }

  /// The tensors as the files describe them, whether or not this package can compute with them.
  ///
  /// - Throws: as ``weights()``, except `quantizedWeights`.
  package func tensors() throws -> any TensorSource {
    if let view { return view.tensors }
    return switch storage {
    case .gguf(let files): files
    case .directory(let directory, _):
      try storedWeights.value { try SafetensorsFileSet(directory: directory.path) }
    }
  }

  /// Whether a directory contains weights, or the path is a GGUF.
  package var hasWeights: Bool {
    switch storage {
    case .gguf: true
    case .directory(let directory, _): directory.hasWeights
    }
  }

  /// The name of a model's file or directory, without `.gguf`.
  package static func name(ofPath path: String) -> String {
    let name = (FileSystem.canonicalPath(path) ?? path).split(separator: "/").last.map(String.init) ?? path
    return name.hasSuffix(".gguf") ? String(name.dropLast(5)) : name
  }

  /// The files after the first of a GGUF in several parts.
  package var furtherParts: [String] { gguf?.parts.dropFirst().map(\.path) ?? [] }
}

extension DirectoryContents {
  /// The error about a directory without weights that can be read.
  fileprivate var missingWeights: PathError {
    func error(_ problem: String, _ remedy: Remedy) -> PathError {
      PathError(.missingPart, path: path, problem: problem, remedy: remedy)
    }
    if let pickle = names.first(where: { $0.hasPrefix("pytorch_model") && !$0.hasSuffix(".json") }) {
      return error(
        "its weights are Python pickles (\(pickle)), which can run code when they are read, so alora doesn't read them",
        "save the model again with transformers' save_pretrained, which writes safetensors")
    }
    if contains("consolidated.safetensors") {
      return error(
        "its weights are in Mistral's own layout (consolidated.safetensors)",
        "download model.safetensors of the same repository, or a GGUF")
    }
    let ggufs = ggufs
    if let first = ggufs.first {
      return error("it contains no safetensors, but \(first)", "pass the file: \(file(first))")
    }
    for name in ["tf_model.h5", "flax_model.msgpack"] where contains(name) {
      return error("its weights are in another library's format (\(name))", "download model.safetensors, or a GGUF")
    }
    return error("it contains no model.safetensors", "download the whole model, or pass a GGUF")
  }
}
