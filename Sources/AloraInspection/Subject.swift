public import AloraModels
public import AloraSystem
public import AloraGGUF
internal import AloraJSON
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
  /// A GGUF is known by its first bytes, a directory by the files in it, anything else by its name.
  /// - Throws: ``FileError``, and what reading the found kind throws; ``InspectionError`` where it is of no known kind.
  public init(path: String) throws {
    switch FileSystem.kind(of: path) {
    case .directory: self = try Self.directory(path)
    case nil: throw FileError(.notFound, operation: "open", path: path, detail: "no such file or directory")
    default:
      if try GGUFFile.isGGUF(path: path) {
        self = .gguf(try GGUFFileSet(path: path))
      } else if path.hasSuffix(".safetensors") {
        self = .safetensors(SafetensorsFileSet(file: try SafetensorsFile(path: path)))
      } else if path.hasSuffix(".safetensors.index.json") {
        self = .safetensors(try SafetensorsFileSet(indexPath: path))
      } else if path.hasSuffix(".npz") || path.hasSuffix(".npy") {
        self = .npz(try NPZFile(path: path))
      } else if path.hasSuffix("adapter_config.json") {
        self = .adapterDirectory(try AdapterDirectory(path: path))
      } else {
        throw InspectionError(
          path: path, problem: "it is of no kind that alora knows",
          remedy: "give a GGUF, a safetensors or .npz file, an adapter's directory or a base model's directory")
      }
    }
  }

  private static func directory(_ path: String) throws -> Subject {
    if FileSystem.kind(of: path + "/adapter_config.json") == .regularFile {
      return .adapterDirectory(try AdapterDirectory(path: path))
    }
    if FileSystem.kind(of: path + "/config.json") == .regularFile {
      return .baseDirectory(try BaseDirectory(path: path))
    }
    throw InspectionError(
      path: path, problem: "it holds neither adapter_config.json nor config.json",
      remedy: "give an adapter's directory or a base model's directory")
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
  public let remedy: String?
  public var place: String? { nil }
  public var category: ErrorCategory { .refusedInput }
}

/// A base model's directory: its configuration, and its weights where they are there.
public struct BaseDirectory: Sendable {
  public let path: String
  public let model: BaseModel
  public let weights: SafetensorsFileSet?

  init(path: String) throws {
    self.path = path
    model = try BaseModel(configuration: JSONDocument(path: path + "/config.json", allowsNonFinite: true).root)
    let hasWeights = ["/model.safetensors", "/model.safetensors.index.json"].contains {
      FileSystem.kind(of: path + $0) == .regularFile
    }
    weights = hasWeights ? try SafetensorsFileSet(directory: path) : nil
  }
}
