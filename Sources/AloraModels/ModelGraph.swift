public import AloraGGUF
public import AloraJSON

/// A matrix of the graph: some rows of a tensor, in the order that Hugging Face has them.
public struct GraphMatrix: Hashable, Sendable {
  /// Rows `rows` of a tensor with `rowCount` rows in all (those of all experts together).
  public struct Place: Hashable, Sendable {
    public let name: String
    public let rows: Range<Int>
    public let rowCount: Int
  }

  /// In GGUF: `blk.0.attn_q.weight`. Adapters are looked up by this name.
  public let gguf: Place
  /// The order of the GGUF's rows.
  public let permutation: RowPermutation
  /// In Hugging Face's files: `model.layers.0.self_attn.q_proj.weight`.
  public let huggingFace: Place
  public let columnCount: Int
  /// Whether the model has a bias here; nil where its presence tells.
  public let hasBias: Bool?

  public var rowCount: Int { gguf.rows.count }
}

/// A norm's weight.
public struct GraphVector: Hashable, Sendable {
  public let ggufName: String
  public let huggingFaceName: String
  public let count: Int
}

/// A gated feed-forward network.
public struct GraphFeedForward: Hashable, Sendable {
  public let gate: GraphMatrix
  public let up: GraphMatrix
  public let down: GraphMatrix
}

/// One layer of the graph.
public struct GraphLayer: Hashable, Sendable {
  public let attentionNorm: GraphVector
  public let query: GraphMatrix
  public let key: GraphMatrix
  public let value: GraphMatrix
  public let output: GraphMatrix
  public let queryNorm: GraphVector?
  public let keyNorm: GraphVector?
  public let postAttentionNorm: GraphVector?
  public let feedForwardNorm: GraphVector
  /// The dense network, or the one that all tokens share beside the experts.
  public let feedForward: GraphFeedForward?
  public let router: GraphMatrix?
  public let experts: [GraphFeedForward]
  public let postFeedForwardNorm: GraphVector?
}

/// The computation of a model: which tensors it reads, and its numbers.
public struct ModelGraph: Sendable {
  public let base: BaseModel
  public let parameters: GraphParameters
  public let layers: [GraphLayer]
  public let embedding: GraphMatrix
  public let finalNorm: GraphVector
  /// Equal to `embedding` where the model ties them.
  public let output: GraphMatrix

  /// - Throws: as ``BaseModel/init(configuration:)``; ``ArchitectureError`` `unsupportedVariant`.
  public init(configuration json: JSON) throws {
    try self.init(configuration: json, base: BaseModel(configuration: json))
  }

  init(configuration json: JSON, base: BaseModel) throws {
    let names = try json[optional: "architectures"]?.elements().map { try $0.string() } ?? []
    let modelType = try json[optional: "model_type"]?.string()
    let found = Architecture.all.first {
      names.isEmpty ? $0.modelType == modelType : names.contains($0.huggingFaceName)
    }
    // BaseModel has found it already.
    let traits = found?.graph ?? GraphTraits()
    let reader = ConfigurationReader(json: json)
    let parameters = try GraphParameters(configuration: reader, base.hyperparameters, traits)
    let biases = try GraphTables.Biases(traits.biases, reader)
    self = try GraphTables(base: base, traits: traits, biases: biases).graph(parameters)
  }

  /// - Throws: as ``BaseModel/init(gguf:)``; ``ArchitectureError`` `unsupportedVariant`.
  public init(gguf file: GGUFFileSet) throws { try self.init(gguf: file, base: BaseModel(gguf: file)) }

  init(gguf file: GGUFFileSet, base: BaseModel) throws {
    let name = base.architectureName
    // All Hugging Face architectures of one GGUF name share a graph; their switches are in the metadata.
    let traits = Architecture.all.first { $0.name == name }?.graph ?? GraphTraits()
    let parameters = try GraphParameters(gguf: file, base.hyperparameters, architecture: name, traits)
    self = try GraphTables(base: base, traits: traits, biases: nil).graph(parameters)
  }

  init(
    base: BaseModel, parameters: GraphParameters, layers: [GraphLayer], embedding: GraphMatrix, finalNorm: GraphVector,
    output: GraphMatrix
  ) {
    self.base = base
    self.parameters = parameters
    self.layers = layers
    self.embedding = embedding
    self.finalNorm = finalNorm
    self.output = output
  }
}
