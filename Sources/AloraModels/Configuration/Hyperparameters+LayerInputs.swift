internal import AloraJSON
internal import AloraSystem
internal import AloraGGUF
internal import AloraTensors

/// What Gemma 3n and the smaller Gemma 4 models have: embeddings for each layer, layers that share keys and values, and networks
/// of several widths.
extension Hyperparameters {
  /// Reads `hidden_size_per_layer_input`, `vocab_size_per_layer_input` and `num_kv_shared_layers`.
  ///
  /// - Throws: ``JSONError``; ``ArchitectureError`` `unsupportedVariant`.
  mutating func readLayerInputs(
    _ reader: ConfigurationReader, sharingLayerCount usual: Int, tokenCount: Int = 262_144
  ) throws {
    let size = try reader.integer("hidden_size_per_layer_input", default: 256)
    if size > 0 {
      layerInputs = LayerInputShape(
        size: size, tokenCount: try reader.integer("vocab_size_per_layer_input", default: tokenCount))
    }
    sharingLayerCount = try reader.integer("num_kv_shared_layers", default: usual)
    try reader.check(objectionToLayerInputs)
  }

  /// The same of a GGUF, whose table tells how many tokens it has rows for.
  ///
  /// - Throws: ``GGUFError``; ``ArchitectureError`` `invalidHyperparameter`, `missingTensor`.
  mutating func readLayerInputs(_ reader: GGUFReader, sharingLayerCount usual: Int) throws {
    let sizeKey = "embedding_length_per_layer_input"
    let size = try reader.integer(sizeKey, default: 0)
    if size > 0 {
      let name = "per_layer_token_embd.weight"
      guard let table = reader.file.tensor(named: name), table.shape.rank == 2 else {
        throw ArchitectureError(
          .missingTensor, path: reader.file.path, place: "tensor \(name)",
          problem: "the file doesn't contain it as a matrix",
          remedy: "give the whole model; if it is split, give the first part")
      }
      layerInputs = LayerInputShape(size: size, tokenCount: table.shape.dimensions[0])
    }
    sharingLayerCount = try reader.integer("attention.shared_kv_layers", default: usual)
    try reader.check(objectionToLayerInputs, sharingLayerCount < layerCount ? sizeKey : "attention.shared_kv_layers")
  }

  private var objectionToLayerInputs: String? {
    if sharingLayerCount >= layerCount {
      return "\(sharingLayerCount) of \(layerCount) layers can't attend to the keys and values of the others"
    }
    guard let layerInputs else { return nil }
    let limit = Self.extent.upperBound
    return layerInputs.size > limit / layerCount || !Self.extent.contains(layerInputs.tokenCount)
      ? "embeddings of \(layerInputs.size) elements for \(layerInputs.tokenCount) tokens and \(layerCount) layers are not supported"
      : nil
  }

  /// Reads the width of each layer's network where a GGUF lists them.
  mutating func readNetworkSizes(_ reader: GGUFReader) throws {
    let key = "feed_forward_length"
    guard case .array = reader.file.metadata["\(reader.prefix).\(key)"] else { return }
    let sizes = try Array(reader.integers(key, layerCount: layerCount).prefix(layerCount))
    try setNetworkSizes(sizes) { reader.error("\(reader.prefix).\(key)", $0) }
  }

  mutating func setNetworkSizes<Failure: Error>(_ sizes: [Int], error: (_ problem: String) -> Failure) throws {
    guard sizes.count == layerCount, sizes.allSatisfy(Self.extent.contains) else {
      throw error("expected the width of each of \(layerCount) layers' networks")
    }
    networkSizes = sizes
  }
}
