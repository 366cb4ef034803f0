/// Builds a graph's list of tensors from an architecture's table of modules.
struct GraphTables {
  /// Which modules have biases by config.json.
  struct Biases {
    var queryKeyValue = false
    var attentionOutput = false
    var feedForward = false

    init(_ rule: GraphTraits.Biases, _ reader: ConfigurationReader) throws {
      switch rule {
      case .none: break
      case .queryKeyValue: queryKeyValue = true
      case .asConfigured:
        queryKeyValue = try reader.boolean("attention_bias", default: false)
        attentionOutput = queryKeyValue
        feedForward = try reader.boolean("mlp_bias", default: false)
      }
    }
  }

  let base: BaseModel
  let traits: GraphTraits
  /// Nil for GGUF, where the tensors tell.
  let biases: Biases?
  private let targets: [String: (module: WeightModule, target: WeightTarget)]

  init(base: BaseModel, traits: GraphTraits, biases: Biases?) {
    self.base = base
    self.traits = traits
    self.biases = biases
    var targets: [String: (module: WeightModule, target: WeightTarget)] = [:]
    for module in base.modules {
      for target in module.targets where targets[target.tensorName] == nil {
        targets[target.tensorName] = (module, target)
      }
    }
    self.targets = targets
  }

  private var h: Hyperparameters { base.hyperparameters }

  func graph(_ parameters: GraphParameters) throws -> ModelGraph {
    // The list of experts is made before any tensor is seen: its length must not be a file's to choose.
    guard h.expertCount <= 4096, h.expertCount * h.layerCount <= 1 << 18 else {
      throw ArchitectureError(
        .unsupportedVariant, path: base.path, place: nil,
        problem: "\(h.expertCount) experts in each of \(h.layerCount) layers are more than are supported")
    }
    for rotary in parameters.rotaries {
      let all = rotary.inverseFrequencies + (rotary.longInverseFrequencies ?? [])
      guard all.allSatisfy({ $0 >= 0 && $0 <= 1000 }), rotary.scale.isFinite else {
        throw ArchitectureError(
          .unsupportedVariant, path: base.path, place: nil,
          problem: "the frequencies of its rotary embedding are not from 0 to 1000 radians a position")
      }
    }
    let embedding = matrix(
      "token_embd.weight", "model.embed_tokens.weight", rows: h.vocabularySize, columns: h.hiddenSize)
    let output = matrix("output.weight", "lm_head.weight", rows: h.vocabularySize, columns: h.hiddenSize)
    return ModelGraph(
      base: base, parameters: parameters, layers: try (0..<h.layerCount).map { try layer($0) }, embedding: embedding,
      finalNorm: GraphVector(
        ggufName: "output_norm.weight", huggingFaceName: "model.norm.weight", count: h.hiddenSize),
      output: h.tiesEmbeddings ? embedding : output)
  }

  private func layer(_ index: Int) throws -> GraphLayer {
    func vector(_ gguf: String, _ huggingFace: String, _ count: Int) -> GraphVector {
      GraphVector(
        ggufName: "blk.\(index).\(gguf).weight", huggingFaceName: "model.layers.\(index).\(huggingFace).weight",
        count: count)
    }
    func matrix(_ name: String, _ part: Range<Int>? = nil, hasBias: Bool?) throws -> GraphMatrix {
      try linear("blk.\(index).\(name).weight", part, hasBias: hasBias)
    }
    let (q, kv, width) = (h.queryRowCount, h.keyValueRowCount, h.feedForwardSize)
    let (attention, hidden) = (biases?.queryKeyValue, h.hiddenSize)
    let isFused = traits.isFused
    func network(_ suffix: String) throws -> GraphFeedForward {
      GraphFeedForward(
        gate: try isFused
          ? matrix("ffn_up", 0..<width, hasBias: false) : matrix("ffn_gate\(suffix)", hasBias: biases?.feedForward),
        up: try isFused
          ? matrix("ffn_up", width..<(2 * width), hasBias: false)
          : matrix("ffn_up\(suffix)", hasBias: biases?.feedForward),
        down: try matrix("ffn_down\(suffix)", hasBias: biases?.feedForward))
    }
    let hasExperts = h.expertCount > 0
    return GraphLayer(
      attentionNorm: vector("attn_norm", "input_layernorm", hidden),
      query: try isFused ? matrix("attn_qkv", 0..<q, hasBias: false) : matrix("attn_q", hasBias: attention),
      key: try isFused ? matrix("attn_qkv", q..<(q + kv), hasBias: false) : matrix("attn_k", hasBias: attention),
      value: try isFused
        ? matrix("attn_qkv", (q + kv)..<(q + 2 * kv), hasBias: false) : matrix("attn_v", hasBias: attention),
      output: try matrix("attn_output", hasBias: biases?.attentionOutput),
      queryNorm: traits.hasHeadNorms ? vector("attn_q_norm", "self_attn.q_norm", h.headDimension) : nil,
      keyNorm: traits.hasHeadNorms ? vector("attn_k_norm", "self_attn.k_norm", h.headDimension) : nil,
      postAttentionNorm: traits.hasPostNorms
        ? vector("post_attention_norm", "post_attention_layernorm", hidden) : nil,
      feedForwardNorm: vector(
        "ffn_norm", traits.hasPostNorms ? "pre_feedforward_layernorm" : "post_attention_layernorm", hidden),
      feedForward: !hasExperts ? try network("") : h.sharedFeedForwardSize > 0 ? try network("_shexp") : nil,
      router: hasExperts ? try matrix("ffn_gate_inp", hasBias: false) : nil,
      experts: (0..<h.expertCount).map { expert(index, $0) },
      postFeedForwardNorm: traits.hasPostNorms ? vector("post_ffw_norm", "post_feedforward_layernorm", hidden) : nil)
  }

  /// Expert `number`: Hugging Face has gate and up of all experts in one tensor of three dimensions, GGUF in two.
  private func expert(_ layer: Int, _ number: Int) -> GraphFeedForward {
    let (width, hidden, count) = (h.feedForwardSize, h.hiddenSize, h.expertCount)
    func part(_ gguf: String, _ huggingFace: String, _ rows: Int, of stride: Int, at offset: Int, _ columns: Int)
      -> GraphMatrix
    {
      GraphMatrix(
        gguf: .init(
          name: "blk.\(layer).\(gguf).weight", rows: (number * rows)..<(number * rows + rows), rowCount: count * rows),
        permutation: .none,
        huggingFace: .init(
          name: "model.layers.\(layer).block_sparse_moe.\(huggingFace).weight",
          rows: (number * stride + offset)..<(number * stride + offset + rows), rowCount: count * stride),
        columnCount: columns, hasBias: false)
    }
    return GraphFeedForward(
      gate: part("ffn_gate_exps", "input_linear", width, of: 2 * width, at: 0, hidden),
      up: part("ffn_up_exps", "input_linear", width, of: 2 * width, at: width, hidden),
      down: part("ffn_down_exps", "output_linear", hidden, of: hidden, at: 0, width))
  }

  /// A tensor of the table of modules, or a part of its rows.
  private func linear(_ name: String, _ part: Range<Int>?, hasBias: Bool?) throws -> GraphMatrix {
    guard let (module, target) = targets[name] else {
      throw ArchitectureError(
        .unsupportedVariant, path: base.path, place: "tensor \(name)",
        problem: "no module of \(base.architectureName) has it")
    }
    let rows = part ?? 0..<target.rows.count
    guard rows.upperBound <= target.rows.count else {
      throw ArchitectureError(
        .wrongShape, path: base.path, place: "tensor \(name)",
        problem: "rows \(rows) are needed, it has \(target.rows.count)")
    }
    let first = target.rows.lowerBound + rows.lowerBound
    return GraphMatrix(
      gguf: .init(name: name, rows: rows, rowCount: target.rows.count), permutation: target.permutation,
      huggingFace: .init(
        name: module.name + ".weight", rows: first..<(first + rows.count), rowCount: module.outputCount),
      columnCount: module.inputCount, hasBias: hasBias)
  }

  private func matrix(_ gguf: String, _ huggingFace: String, rows: Int, columns: Int) -> GraphMatrix {
    GraphMatrix(
      gguf: .init(name: gguf, rows: 0..<rows, rowCount: rows), permutation: .none,
      huggingFace: .init(name: huggingFace, rows: 0..<rows, rowCount: rows), columnCount: columns, hasBias: false)
  }
}
