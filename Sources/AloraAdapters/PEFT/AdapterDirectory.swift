public import AloraSystem
internal import AloraJSON
internal import AloraModels
internal import AloraSafetensors
internal import AloraTensors

/// An adapter as PEFT saves it: `adapter_config.json` and `adapter_model.safetensors`.
public struct AdapterDirectory: Sendable {
  public let path: String
  public let configuration: AdapterConfiguration
  /// The factors, in the order of their data in the file.
  public let pairs: [FactorPair]
  /// The open weights file.
  public let weights: MappedFile

  public var configurationPath: String { path + "/adapter_config.json" }
  public var weightsPath: String { weights.path }

  /// Opens and checks an adapter. Only the header of the weights is read.
  ///
  /// - Parameters:
  ///   - path: the directory, or one of the two files in it.
  ///   - ignoredFields: fields of the configuration that are not known and that the user vouches for.
  /// - Throws: ``FileError``, ``JSONError``, ``SafetensorsError``, ``PEFTError``.
  public init(path: String, ignoredFields: Set<String> = []) throws {
    let files = try Self.files(at: path)
    let directory = files.path
    let configurationPath = files.file(ModelFiles.adapterConfiguration)
    configuration = try AdapterConfiguration(
      json: JSONDocument(path: configurationPath).root, ignoredFields: ignoredFields)
    guard files.contains(ModelFiles.adapterWeights) else { throw Self.missingWeights(files) }
    let weightsPath = files.file(ModelFiles.adapterWeights)
    let file = try SafetensorsFile(path: weightsPath)
    pairs = try FactorPair.pairs(
      of: file.tensors.sorted { $0.byteRange.lowerBound < $1.byteRange.lowerBound }, path: weightsPath)
    weights = file.file(of: pairs[0].a)
    self.path = directory
  }

  /// The directory that a path means: itself, or the one that contains the named file of an adapter.
  private static func files(at path: String) throws -> DirectoryContents {
    let contents = try PathContents(path: path)
    switch contents {
    case .directory(let files) where files.hasAdapterConfiguration && !files.isMLXAdapter: return files
    case .adapterConfiguration: return try DirectoryContents(containing: path)
    case .safetensors where path.split(separator: "/").last == ModelFiles.adapterWeights[...]:
      let files = try DirectoryContents(containing: path)
      guard files.hasAdapterConfiguration else { throw files.unexpected(for: .peftAdapter) }
      return files
    default: throw contents.unexpected(at: path, for: .peftAdapter)
    }
  }

  private static func missingWeights(_ files: DirectoryContents) -> PEFTError {
    guard files.contains(ModelFiles.pickledAdapterWeights) else {
      return PEFTError(
        .missingWeights, path: files.path, problem: "it contains no \(ModelFiles.adapterWeights)",
        remedy: "save the adapter with save_pretrained(…), which writes it")
    }
    let load = "torch.load('adapter_model.bin', map_location='cpu', weights_only=True)"
    let line =
      "import torch, safetensors.torch as s; "
      + "s.save_file({k: v.contiguous() for k, v in \(load).items()}, 'adapter_model.safetensors')"
    return PEFTError(
      .pickledWeights, path: files.file(ModelFiles.pickledAdapterWeights),
      problem: "the weights are a Python pickle, which can run any code when it is read, so it is not",
      remedy: "in that directory, run python -c \"\(line)\"")
  }
}
