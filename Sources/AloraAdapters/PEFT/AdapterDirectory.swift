package import AloraSystem
internal import AloraJSON
internal import AloraModels
package import AloraSafetensors
package import AloraTensors

/// An adapter as PEFT saves it, `adapter_config.json` and `adapter_model.safetensors` or its shards, or as mlx-lm does,
/// with `adapters.safetensors`.
///
/// It is read whether or not it can be converted. What stands in the way is in ``obstacles``.
package struct AdapterDirectory: Sendable {
  package let path: String
  package let configuration: AdapterConfiguration
  /// Nil if the directory has none that can be read.
  package let weights: SafetensorsFileSet?
  /// The factors, in the order of their data in the file.
  package let pairs: [FactorPair]
  /// DoRA's magnitudes by module; empty unless the adapter was read for merging.
  package let magnitudes: [String: TensorDescription]
  /// Why the adapter can't be used with a base, the first reason first. Empty for a LoRA that can.
  package let obstacles: [any DiagnosedError]
  /// The obstacles that leave open whether and where the adapter becomes active.
  package let invocationObstacles: [any DiagnosedError]
  package let notes: [AdapterNote]
  /// Whether mlx-lm saved it.
  package let isMLX: Bool
  let remedies: AdapterRemedies

  package var configurationPath: String { "\(path)/\(ModelFiles.adapterConfiguration)" }
  package var weightsPath: String { weights?.path ?? "\(path)/\(Self.weightsName(isMLX))" }

  private static func weightsName(_ isMLX: Bool) -> String {
    isMLX ? ModelFiles.mlxAdapterWeights : ModelFiles.adapterWeights
  }

  /// Opens an adapter. Only the headers of the weights are read.
  ///
  /// - Parameters:
  ///   - path: the directory, or one of the two files in it.
  ///   - readsWeights: false for what the configuration alone tells; then there are no pairs.
  ///   - ignoredFields: fields of the configuration that aren't known and that the user vouches for.
  ///   - use: what stands in the way depends on it.
  /// - Throws: ``FileError``, ``JSONError``, ``SafetensorsError``; ``PathError``, which says what is there instead.
  package init(
    path: String, readsWeights: Bool = true, ignoredFields: Set<String> = [], use: AdapterUse = .factors
  ) throws {
    let files = try Self.files(at: path)
    self.path = files.path
    let json = try JSONDocument(path: files.file(ModelFiles.adapterConfiguration)).root
    isMLX = files.isMLXAdapter && MLXConfigurationParser.matches(json)
    var obstacles: [any DiagnosedError]
    if isMLX {
      let parser = try MLXConfigurationParser(json, ignoredFields: ignoredFields)
      (configuration, obstacles, invocationObstacles) = (parser.configuration, parser.problems, [])
      remedies = AdapterRemedies(isActivated: false)
    } else {
      let parser = try ConfigurationParser(json, ignoredFields: ignoredFields, use: use)
      (configuration, obstacles) = (parser.configuration, parser.problems)
      invocationObstacles = parser.invocationProblems
      remedies = parser.remedies
    }
    var notes = configuration.notes
    var magnitudes: [String: TensorDescription] = [:]
    weights = readsWeights ? try Self.weights(in: files, isMLX: isMLX) : nil
    if let weights, isMLX {
      let pairing = MLXFactorPairing(weights.tensors, path: weights.path)
      pairs = pairing.pairs
      // The whole weights of another type aren't factors, and the type is reason enough.
      if configuration.type == "LORA" { obstacles += pairing.problems as [any DiagnosedError] }
    } else if let weights {
      let pairing = FactorPairing(weights.tensors, path: weights.path, remedies: remedies, use: use)
      pairs = pairing.pairs
      magnitudes = pairing.magnitudes
      // Another type's tensors aren't factors, and the type is reason enough.
      if configuration.type == "LORA" { obstacles += pairing.problems }
      notes += pairing.wrappers.map { .wrappedNames(wrapper: $0.wrapper, count: $0.count, first: $0.first) }
    } else {
      pairs = []
      if readsWeights { obstacles.append(Self.missingWeights(files)) }
    }
    if configuration.type == "LORA", obstacles.isEmpty, readsWeights {
      obstacles += Self.magnitudeProblem(configuration, pairs, magnitudes, path: weights?.path).map { [$0] } ?? []
    }
    self.magnitudes = magnitudes
    self.obstacles = obstacles
    self.notes = notes
  }

  /// DoRA's adapters have a magnitude for each module, and no others have one.
  private static func magnitudeProblem(
    _ configuration: AdapterConfiguration, _ pairs: [FactorPair], _ magnitudes: [String: TensorDescription],
    path: String?
  ) -> AdapterError? {
    if configuration.rescalesWeights, let pair = pairs.first(where: { magnitudes[$0.module] == nil }) {
      return AdapterError(
        .incompletePair, path: path, place: "module \(pair.module)",
        problem: "use_dora is true, but the file has no magnitude for this module", remedy: "save the adapter again")
    }
    if !configuration.rescalesWeights, let (module, tensor) = magnitudes.min(by: { $0.key < $1.key }) {
      return AdapterError(
        .unexpectedTensor, path: path, place: "tensor \(tensor.name)",
        problem: "it is a magnitude of DoRA for \(module), but use_dora is not true, so PEFT would ignore it",
        remedy: "correct use_dora")
    }
    return nil
  }

  /// The directory that a path means: itself, or the one that contains the named file of an adapter.
  private static func files(at path: String) throws -> DirectoryContents {
    let contents = try PathContents(path: path)
    switch contents {
    case .directory(let files) where files.hasAdapterConfiguration: return files
    case .adapterConfiguration: return try DirectoryContents(containing: path)
    case .safetensors where path.split(separator: "/").last == ModelFiles.adapterWeights[...],
      .safetensors where path.split(separator: "/").last == ModelFiles.mlxAdapterWeights[...],
      .safetensorsIndex where path.split(separator: "/").last == ModelFiles.adapterWeightsIndex[...]:
      let files = try DirectoryContents(containing: path)
      guard files.hasAdapterConfiguration else { throw files.unexpected(for: .peftAdapter) }
      return files
    default: throw contents.unexpected(at: path, for: .peftAdapter)
    }
  }

  private static func weights(in files: DirectoryContents, isMLX: Bool) throws -> SafetensorsFileSet? {
    let name = weightsName(isMLX)
    if files.contains(name) { return SafetensorsFileSet(file: try SafetensorsFile(path: files.file(name))) }
    guard files.contains(ModelFiles.adapterWeightsIndex) else { return nil }
    return try SafetensorsFileSet(indexPath: files.file(ModelFiles.adapterWeightsIndex))
  }

  private static func missingWeights(_ files: DirectoryContents) -> AdapterError {
    guard files.contains(ModelFiles.pickledAdapterWeights) else {
      return AdapterError(
        .missingWeights, path: files.path, problem: "it contains no \(ModelFiles.adapterWeights)",
        remedy: "save the adapter with save_pretrained(…), which writes it")
    }
    let load = "torch.load('\(ModelFiles.pickledAdapterWeights)', map_location='cpu', weights_only=True)"
    let line =
      "import torch, safetensors.torch as s; "
      + "s.save_file({k: v.contiguous() for k, v in \(load).items()}, '\(ModelFiles.adapterWeights)')"
    return AdapterError(
      .pickledWeights, path: files.file(ModelFiles.pickledAdapterWeights),
      problem: "the weights are a Python pickle, which can run any code when it is read, so alora doesn't read it",
      remedy: "in that directory, run python -c \"\(line)\"")
  }
}
