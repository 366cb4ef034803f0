/// Everything that is known about one family of models: its names, its configuration's defaults, its weights in Hugging
/// Face and in GGUF, and its layers.
///
/// Conversion and inference read the same value. Each architecture has one file that defines one constant; to add an
/// architecture, add a file and its entry in ``all``.
package struct Architecture: Sendable {
  /// The names that files give an architecture.
  struct Names: Sendable {
    /// `general.architecture` of GGUF.
    let gguf: String
    /// Other values of `general.architecture` that the reference converter writes for this architecture.
    var otherGGUF: [String] = []
    /// The class that `architectures` of the configuration names, without `ForCausalLM`: `Llama`.
    let family: String
    /// `model_type` of the configuration; of a multimodal model, that of its text part.
    let modelTypes: [String]
    /// Multimodal classes whose GGUF has this architecture's name.
    var wrappers: [String] = []
    /// The token embedding in Hugging Face's files.
    var embedding = "model.embed_tokens"
  }

  /// A weight module of a layer, before it is given a layer's number.
  struct LayerModule: Sendable {
    struct Target: Sendable {
      let tensor: String
      let rows: Range<Int>
      let permutation: RowPermutation
      /// The order of the weight's columns.
      var columns = RowPermutation.none
      /// What the converter multiplies rows by.
      var factors: [WeightTarget.RowFactor] = []
    }
    /// The layers that have a module.
    enum Layers: Sendable {
      case all
      /// Those with experts; those without.
      case withExperts, dense
      /// Those with attention; those with a recurrent mixer; those with neither.
      case withAttention, recurrent, withoutMixer
      /// Those that don't attend to the keys and values of another layer.
      case withOwnKeysAndValues

      func contains(_ layer: Int, _ h: Hyperparameters) -> Bool {
        switch self {
        case .all: true
        case .withExperts: !h.denseLayers.contains(layer)
        case .dense: h.denseLayers.contains(layer)
        case .withAttention: h.hasAttention(layer)
        case .recurrent: h.isRecurrent(layer)
        case .withoutMixer: !h.hasAttention(layer) && !h.isRecurrent(layer)
        case .withOwnKeysAndValues: h.hasOwnKeysAndValues(layer)
        }
      }
    }
    let name: String
    let inputCount: Int
    let outputCount: Int
    var targets: [Target]
    var layers = Layers.all
  }

  let names: Names
  /// The configuration class's values for missing fields.
  let defaults: ConfigurationDefaults
  /// Why a configuration of this architecture can't be used, or nil.
  let objection: @Sendable (_ configuration: ConfigurationReader) throws -> String?
  /// The same for a GGUF.
  let objectionToGGUF: @Sendable (GGUFReader) throws -> String?
  /// What a configuration says of heads that only layers without a window have.
  let globalHeads: @Sendable (ConfigurationReader, Hyperparameters) throws -> Hyperparameters.GlobalHeads?
  /// What a configuration says of layers with a recurrent mixer.
  let recurrence: @Sendable (ConfigurationReader, Hyperparameters) throws -> Hyperparameters.Recurrence?
  /// The same of a GGUF.
  let recurrenceOfGGUF: @Sendable (GGUFReader, _ layerCount: Int) throws -> Hyperparameters.Recurrence?
  /// What else a configuration says that no other architecture's does.
  let configure: @Sendable (ConfigurationReader, inout Hyperparameters) throws -> Void
  /// The same of a GGUF.
  let configureByGGUF: @Sendable (GGUFReader, inout Hyperparameters) throws -> Void
  /// The architecture's GGUF name for these hyperparameters, if it isn't always the same.
  let variantName: @Sendable (Hyperparameters) -> String?
  /// Whether a GGUF with these hyperparameters can be this architecture. Several architectures may share a name.
  let describes: @Sendable (Hyperparameters) -> Bool
  /// Whether its classes read experts in MXFP4, which a directory of any other class may not have.
  let readsMXFP4: Bool
  /// The linear modules of a layer.
  let layerModules: @Sendable (Hyperparameters) -> [LayerModule]
  /// Where its numbers are written.
  let numbers: GraphNumberRules
  /// The blocks of a layer.
  let layer: @Sendable (LayerBuilder) throws -> GraphLayer

  init(
    _ names: Names, defaults: ConfigurationDefaults,
    objection: @escaping @Sendable (ConfigurationReader) throws -> String? = { _ in nil },
    objectionToGGUF: @escaping @Sendable (GGUFReader) throws -> String? = { _ in nil },
    globalHeads: @escaping @Sendable (ConfigurationReader, Hyperparameters) throws -> Hyperparameters.GlobalHeads? = {
      _, _ in nil
    },
    recurrence: @escaping @Sendable (ConfigurationReader, Hyperparameters) throws -> Hyperparameters.Recurrence? = {
      _, _ in nil
    },
    recurrenceOfGGUF: @escaping @Sendable (GGUFReader, Int) throws -> Hyperparameters.Recurrence? = { _, _ in nil },
    configure: @escaping @Sendable (ConfigurationReader, inout Hyperparameters) throws -> Void = { _, _ in },
    configureByGGUF: @escaping @Sendable (GGUFReader, inout Hyperparameters) throws -> Void = { _, _ in },
    variantName: @escaping @Sendable (Hyperparameters) -> String? = { _ in nil },
    describes: @escaping @Sendable (Hyperparameters) -> Bool = { _ in true },
    numbers: GraphNumberRules = GraphNumberRules(), readsMXFP4: Bool = false,
    modules: @escaping @Sendable (Hyperparameters) -> [LayerModule],
    layer: @escaping @Sendable (LayerBuilder) throws -> GraphLayer
  ) {
    self.names = names
    self.defaults = defaults
    self.objection = objection
    self.objectionToGGUF = objectionToGGUF
    self.globalHeads = globalHeads
    self.recurrence = recurrence
    self.recurrenceOfGGUF = recurrenceOfGGUF
    self.configure = configure
    self.configureByGGUF = configureByGGUF
    self.variantName = variantName
    self.describes = describes
    self.readsMXFP4 = readsMXFP4
    self.numbers = numbers
    layerModules = modules
    self.layer = layer
  }

  /// The class that the reference implementation computes with: `LlamaForCausalLM`.
  package var className: String { names.family + "ForCausalLM" }

  /// Every architecture that this package knows. Of those with one GGUF name, the first gives a GGUF its layers.
  static let all: [Architecture] = [
    .llama, .mixtral, .mistral, .ministral3, .mistral3, .granite, .graniteMoe, .graniteMoeShared, .graniteMoeHybrid,
    .bamba, .qwen2, .qwen2VL, .qwen3, .qwen3VL, .qwen2Moe, .qwen3Moe, .qwen3VLMoe, .olmoe, .gptOss, .olmo3, .olmo2,
    .smolLM3, .seedOss, .glm4, .glm4Moe, .ernie45, .ernie45Moe, .exaone4, .cohere2, .phi3, .gemma2, .gemma3, .gemma3n,
    .gemma4,
    .llama4, .lfm2, .qwen3Next, .qwen35, .qwen35Moe, .falconH1, .nemotronH,
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
    let queryAndKey: [Self] = [
      .linear("self_attn.q_proj", h.hiddenSize, h.queryRowCount, "attn_q", permutation),
      .linear("self_attn.k_proj", h.hiddenSize, h.keyValueRowCount, "attn_k", permutation),
    ]
    let value = linear("self_attn.v_proj", h.hiddenSize, h.keyValueRowCount, "attn_v")
    return queryAndKey + (h.hasValueProjection ? [value] : []) + [
      .linear("self_attn.o_proj", h.queryRowCount, h.hiddenSize, "attn_output")
    ]
  }

  /// The same for a model whose last layers may attend to the keys and values of others.
  static func sharingAttention(_ h: Hyperparameters) -> [Self] {
    attention(h, isPermuted: false).map { module in
      var module = module
      if ["self_attn.k_proj", "self_attn.v_proj"].contains(module.name) { module.layers = .withOwnKeysAndValues }
      return module
    }
  }

  /// The network through which a layer reads its own embedding; empty if it has none.
  static func layerInput(_ h: Hyperparameters) -> [Self] {
    guard let size = h.layerInputs?.size else { return [] }
    return [
      .linear("per_layer_input_gate", h.hiddenSize, size, "inp_gate"),
      .linear("per_layer_projection", size, h.hiddenSize, "proj"),
    ]
  }

  /// The gated feed-forward network with three projections of their own.
  static func gatedFeedForward(_ h: Hyperparameters) -> [Self] { gatedNetwork("mlp", h, h.feedForwardSize) }

  /// The same by any name.
  ///
  /// - Parameter suffix: what follows the usual names in GGUF.
  static func gatedNetwork(_ name: String, _ h: Hyperparameters, _ width: Int, _ suffix: String = "") -> [Self] {
    [
      .linear("\(name).gate_proj", h.hiddenSize, width, "ffn_gate\(suffix)"),
      .linear("\(name).up_proj", h.hiddenSize, width, "ffn_up\(suffix)"),
      .linear("\(name).down_proj", width, h.hiddenSize, "ffn_down\(suffix)"),
    ]
  }
}
