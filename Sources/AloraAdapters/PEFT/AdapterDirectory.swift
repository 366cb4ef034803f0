public import AloraSystem
internal import AloraJSON
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
    let directory = Self.directory(path)
    guard FileSystem.kind(of: directory) == .directory else {
      throw FileError(.notFound, operation: "open", path: path, detail: "no such directory")
    }
    let configurationPath = directory + "/adapter_config.json"
    guard FileSystem.kind(of: configurationPath) == .regularFile else {
      throw PEFTError(
        .missingConfiguration, path: directory, problem: "it holds no adapter_config.json",
        remedy: "give the directory that save_pretrained wrote, or a tree of such directories with --recursive")
    }
    configuration = try AdapterConfiguration(
      json: JSONDocument(path: configurationPath).root, ignoredFields: ignoredFields)
    let weightsPath = directory + "/adapter_model.safetensors"
    guard FileSystem.kind(of: weightsPath) == .regularFile else { throw Self.missingWeights(directory) }
    let file = try SafetensorsFile(path: weightsPath)
    pairs = try FactorPair.pairs(
      of: file.tensors.sorted { $0.byteRange.lowerBound < $1.byteRange.lowerBound }, path: weightsPath)
    weights = file.file(of: pairs[0].a)
    self.path = directory
  }

  private static func directory(_ path: String) -> String {
    for name in ["adapter_config.json", "adapter_model.safetensors"] where path == name || path.hasSuffix("/" + name) {
      let parent = String(path.dropLast(name.count + 1))
      return parent.isEmpty ? (path.hasPrefix("/") ? "/" : ".") : parent
    }
    return path.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
  }

  private static func missingWeights(_ directory: String) -> PEFTError {
    guard FileSystem.kind(of: directory + "/adapter_model.bin") == .regularFile else {
      return PEFTError(
        .missingWeights, path: directory, problem: "it holds no adapter_model.safetensors",
        remedy: "save the adapter with save_pretrained(…), which writes it")
    }
    let load = "torch.load('adapter_model.bin', map_location='cpu', weights_only=True)"
    let line =
      "import torch, safetensors.torch as s; "
      + "s.save_file({k: v.contiguous() for k, v in \(load).items()}, 'adapter_model.safetensors')"
    return PEFTError(
      .pickledWeights, path: directory + "/adapter_model.bin",
      problem: "the weights are a Python pickle, which can run any code when it is read, so it is not",
      remedy: "in that directory, run python -c \"\(line)\"")
  }
}
