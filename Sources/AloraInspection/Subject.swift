public import AloraModels
public import AloraSystem
public import AloraGGUF
public import AloraNPZ
public import AloraAdapters
public import AloraSafetensors
public import AloraTensors

/// Something that can be looked into.
public enum Subject: Sendable {
  case gguf(GGUFFileSet)
  case safetensors(SafetensorsFileSet)
  case adapterDirectory(AdapterDirectory)
  case baseDirectory(BaseDirectory)
  case npz(NPZFile)

  /// Opens what lies at `path`; only headers are read.
  ///
  /// - Throws: ``FileError``; ``PathError``, which says what is there instead; what reading the found kind throws.
  public init(path: String) throws {
    let contents = try PathContents(path: path)
    switch contents {
    case .gguf: self = .gguf(try GGUFFileSet(path: path))
    case .safetensors: self = .safetensors(SafetensorsFileSet(file: try SafetensorsFile(path: path)))
    case .safetensorsIndex: self = .safetensors(try SafetensorsFileSet(indexPath: path))
    case .arrays: self = .npz(try NPZFile(path: path))
    case .adapterConfiguration: self = .adapterDirectory(try AdapterDirectory(path: path))
    case .configuration: self = .baseDirectory(try BaseDirectory(path: path))
    case .directory(let directory) where directory.hasAdapterConfiguration:
      self = .adapterDirectory(try AdapterDirectory(path: path))
    case .directory(let directory) where directory.hasConfiguration:
      self = .baseDirectory(try BaseDirectory(path: path))
    case .json, .foreign, .directory: throw contents.unexpected(at: path, for: .subject)
    }
  }

  public var tensors: [TensorDescription] {
    switch self {
    case .gguf(let file): file.tensors
    case .safetensors(let file): file.tensors
    case .adapterDirectory(let directory): directory.pairs.flatMap { [$0.a, $0.b] }
    case .baseDirectory(let directory): directory.weights?.tensors ?? []
    case .npz: []
    }
  }

  /// Nothing would be found to differ in what is not looked at.
  ///
  /// - Throws: ``InspectionError``.
  func checkComparable() throws(InspectionError) {
    switch self {
    case .npz(let file):
      throw InspectionError(
        path: file.path, problem: "arrays of NumPy are not compared",
        remedy: "give adapters, GGUFs or safetensors; alora verify holds an adapter to golden logits")
    case .baseDirectory(let directory) where directory.weights == nil:
      throw InspectionError(
        path: directory.path, problem: "it holds no weights to compare", remedy: "give the whole model, or an adapter")
    default: break
    }
  }

  /// The bytes of one of `tensors`, or of a part of it.
  ///
  /// - Throws: ``FileError``; ``GGUFError`` for big-endian data.
  public func bytes(of tensor: TensorDescription, in range: Range<Int>) throws -> [UInt8] {
    switch self {
    case .gguf(let file): return try file.readBytes(of: tensor, in: range)
    case .safetensors(let file): return try file.readBytes(of: tensor, in: range)
    case .adapterDirectory(let directory):
      let start = tensor.byteRange.lowerBound
      return try directory.weights.read((start + range.lowerBound)..<(start + range.upperBound))
    case .baseDirectory(let directory): return try directory.weights?.readBytes(of: tensor, in: range) ?? []
    case .npz: return []
    }
  }

  /// The adapter, where it is one.
  public func adapter() throws -> AdapterSummary? {
    switch self {
    case .gguf(let file): AdapterSummary.isAdapter(file.metadata) ? try AdapterSummary(gguf: file) : nil
    case .adapterDirectory(let directory): try AdapterSummary(directory: directory)
    case .safetensors, .baseDirectory, .npz: nil
    }
  }
}

/// A file that cannot be looked into.
public struct InspectionError: DiagnosedError, Hashable {
  public let path: String?
  public let problem: String
  public let remedy: Remedy?
  public var place: String? { nil }
  public var category: ErrorCategory { .refusedInput }
}

/// A base model's directory: its configuration, and its weights if it contains any.
public struct BaseDirectory: Sendable {
  public let source: ModelSource
  public let model: BaseModel
  public let weights: (any TensorSource)?
  public var path: String { source.path }

  init(path: String) throws {
    source = try ModelSource(path: path)
    model = try source.base()
    weights = source.hasWeights ? try source.tensors() : nil
  }
}
