/// What there is to know about one family of models: its names, and its weights in Hugging Face and in GGUF.
///
/// Conversion and inference read the same value. Each architecture has one file, which defines one constant; adding an
/// architecture is adding a file and its entry in ``all``.
public struct Architecture: Sendable {
  /// A weight module of a layer, before it is given a layer's number.
  struct LayerModule: Sendable {
    struct Target: Sendable {
      let tensor: String
      let rows: Range<Int>
      let permutation: RowPermutation
    }
    let name: String
    let inputCount: Int
    let outputCount: Int
    let targets: [Target]
  }

  /// `general.architecture` of GGUF.
  public let name: String
  /// What `architectures` of config.json says.
  public let huggingFaceName: String
  /// `model_type` of config.json.
  public let modelType: String
  /// Why a configuration of this architecture cannot be used, or nil.
  let objection: @Sendable (_ configuration: ConfigurationReader) throws -> String?
  /// The linear modules of a layer.
  let layerModules: @Sendable (Hyperparameters) -> [LayerModule]
  /// The architecture's GGUF name for these hyperparameters, where it is not always `name`.
  let variantName: @Sendable (Hyperparameters) -> String?
  /// How its computation differs from Llama's.
  let graph: GraphTraits

  init(
    name: String, huggingFaceName: String, modelType: String,
    objection: @escaping @Sendable (ConfigurationReader) throws -> String? = { _ in nil },
    variantName: @escaping @Sendable (Hyperparameters) -> String? = { _ in nil },
    graph: GraphTraits,
    layerModules: @escaping @Sendable (Hyperparameters) -> [LayerModule]
  ) {
    self.name = name
    self.huggingFaceName = huggingFaceName
    self.modelType = modelType
    self.objection = objection
    self.variantName = variantName
    self.graph = graph
    self.layerModules = layerModules
  }

  /// Every architecture that this package knows.
  public static let all: [Architecture] = [
    .llama, .mistral, .granite, .graniteMoe, .graniteMoeShared, .graniteMoeHybrid, .qwen2, .qwen3, .phi3, .gemma2,
    .gemma3,
  ]
}

extension Architecture.LayerModule {
  /// A linear module whose weight is one GGUF tensor.
  static func linear(
    _ name: String, _ inputCount: Int, _ outputCount: Int, _ tensor: String, _ permutation: RowPermutation = .none
  ) -> Self {
    Self(
      name: name, inputCount: inputCount, outputCount: outputCount,
      targets: [Target(tensor: tensor, rows: 0..<outputCount, permutation: permutation)])
  }

  /// A linear module whose rows, in equal parts, are several GGUF tensors.
  static func fused(_ name: String, _ inputCount: Int, _ partRowCount: Int, _ tensors: [String]) -> Self {
    Self(
      name: name, inputCount: inputCount, outputCount: partRowCount * tensors.count,
      targets: tensors.enumerated().map { index, tensor in
        Target(tensor: tensor, rows: (index * partRowCount)..<((index + 1) * partRowCount), permutation: .none)
      })
  }

  /// Query, key, value and output projections of their own, as most models have them.
  ///
  /// - Parameter isPermuted: whether GGUF stores the rows of q and k in pairs.
  static func attention(_ h: Hyperparameters, isPermuted: Bool) -> [Self] {
    let permutation: RowPermutation = isPermuted ? .halvesToPairs(headDimension: h.headDimension) : .none
    return [
      .linear("self_attn.q_proj", h.hiddenSize, h.queryRowCount, "attn_q", permutation),
      .linear("self_attn.k_proj", h.hiddenSize, h.keyValueRowCount, "attn_k", permutation),
      .linear("self_attn.v_proj", h.hiddenSize, h.keyValueRowCount, "attn_v"),
      .linear("self_attn.o_proj", h.queryRowCount, h.hiddenSize, "attn_output"),
    ]
  }

  /// The gated feed-forward network with three projections of their own.
  static func gatedFeedForward(_ h: Hyperparameters) -> [Self] {
    [
      .linear("mlp.gate_proj", h.hiddenSize, h.feedForwardSize, "ffn_gate"),
      .linear("mlp.up_proj", h.hiddenSize, h.feedForwardSize, "ffn_up"),
      .linear("mlp.down_proj", h.feedForwardSize, h.hiddenSize, "ffn_down"),
    ]
  }
}
