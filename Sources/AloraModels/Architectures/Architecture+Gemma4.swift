internal import AloraJSON

extension Architecture {
  /// The text part of Gemma 4: layers without a window have larger heads and may share a projection between keys and
  /// values; scores aren't scaled, values are normed, and each layer's output is multiplied by a number. Some models have
  /// experts beside each layer's network; others have embeddings for each layer, and their last layers attend to the keys and
  /// values of the last layers before them and may have networks of twice the width.
  ///
  /// Source: transformers `models/gemma4/modeling_gemma4.py`, llama.cpp `conversion/gemma.py` (`Gemma4Model`).
  static let gemma4 = Architecture(
    Names(
      gguf: "gemma4", family: "Gemma4", modelTypes: ["gemma4_text"], wrappers: ["Gemma4ForConditionalGeneration"]),
    defaults: ConfigurationDefaults(
      vocabularySize: 262_144, hiddenSize: 2304, feedForwardSize: 9216, layerCount: 30, headCount: 8,
      keyValueHeadCount: 4, headDimension: 256, contextLength: 131_072, tiesEmbeddings: true),
    globalHeads: gemma4Heads,
    configure: { reader, h in
      try h.readLayerInputs(reader, sharingLayerCount: 0)
      try reader.check(
        (h.layerInputs?.tokenCount ?? .max) < h.vocabularySize
          ? "some tokens have no embedding for each layer (vocab_size_per_layer_input)" : nil)
      if try reader.boolean("use_double_wide_mlp", default: false) {
        let width = h.feedForwardSize
        let sizes = (0..<h.layerCount).map { [h] in h.hasOwnKeysAndValues($0) ? width : 2 * width }
        try h.setNetworkSizes(sizes) { reader.json.error(.outOfRange, $0) }
      }
      guard try reader.boolean("enable_moe_block", default: false) else { return }
      h.sharedFeedForwardSize = h.feedForwardSize
      h.feedForwardSize = try reader.integer("moe_intermediate_size")
      h.expertCount = try reader.integer("num_experts")
      h.expertsPerToken = try reader.integer("top_k_experts")
      try h.checkExperts(reader)
    },
    configureByGGUF: { reader, h in
      try h.readLayerInputs(reader, sharingLayerCount: 0)
      try h.readNetworkSizes(reader)
      if h.expertCount > 0 {
        h.sharedFeedForwardSize = try h.networkSizes?.first ?? reader.stated("feed_forward_length")
      }
    },
    numbers: gemma4Numbers,
    modules: { h in
      let usual: [LayerModule] = LayerModule.sharingAttention(h) + LayerModule.layerInput(h)
      guard h.expertCount > 0 else { return usual + LayerModule.gatedFeedForward(h) }
      return usual + LayerModule.gatedNetwork("mlp", h, h.sharedFeedForwardSize) + [
        .linear("router.proj", h.hiddenSize, h.expertCount, "ffn_gate_inp")
      ]
    },
    layer: { layer in
      var blocks = try layer.surroundingNorms(
        layer.attention(headNorms: .perHead, normsValues: true),
        layer.h.expertCount > 0 ? layer.gemma4Mixture() : layer.gated()
      ).blocks
      if layer.h.layerInputs != nil { blocks.append(try layer.layerInput()) }
      blocks[blocks.count - 1].streamScale = GraphVector(
        ggufName: "blk.\(layer.index).layer_output_scale.weight",
        huggingFaceName: "model.layers.\(layer.index).layer_scalar", count: 1, huggingFaceOffset: 0)
      return GraphLayer(blocks: blocks)
    })

  private static let gemma4Numbers = GraphNumberRules(
    activation: .geluTanh, window: .allButEveryAndLast(period: 6, fallback: 512), attentionScale: .one,
    positions: .perLayerKind(full: 1_000_000, windowed: 10000), biases: .asConfigured, scalesEmbeddingByWidth: true,
    softCaps: (attention: nil, logits: nil))

  /// Either `per_layer_config` says it of each layer, or `global_head_dim` and `num_global_key_value_heads` of all.
  @Sendable private static func gemma4Heads(
    _ reader: ConfigurationReader, _ h: Hyperparameters
  ) throws -> Hyperparameters.GlobalHeads? {
    let isGlobal = try GraphNumbers.slidingLayers(reader, h, gemma4Numbers.window).map { $0 == nil }
    let sharesProjection = try reader.boolean("attention_k_eq_v", default: false)
    var heads = Hyperparameters.GlobalHeads(
      isGlobal: isGlobal, keyValueHeadCount: h.keyValueHeadCount, headDimension: h.headDimension,
      hasValueProjection: !sharesProjection)
    if let layers = try reader.json[optional: "per_layer_config"] {
      heads = try gemma4Heads(layers, heads)
    } else {
      heads.headDimension = try reader.integer("global_head_dim", default: 512)
      if sharesProjection {
        heads.keyValueHeadCount = try reader.integer("num_global_key_value_heads", default: h.keyValueHeadCount)
      }
    }
    guard heads.keyValueHeadCount >= 1, h.headCount.isMultiple(of: heads.keyValueHeadCount), heads.headDimension >= 2,
      heads.headDimension.isMultiple(of: 2)
    else {
      throw reader.json.error(
        .outOfRange,
        "\(h.headCount) heads, \(heads.keyValueHeadCount) key-value heads and \(heads.headDimension) per head in "
          + "layers without a window don't go together")
    }
    return heads
  }

  /// What `per_layer_config` says, which has to be the same of all layers without a window and nothing of the others.
  private static func gemma4Heads(
    _ layers: JSON, _ usual: Hyperparameters.GlobalHeads
  ) throws -> Hyperparameters.GlobalHeads {
    var stated = [Hyperparameters.GlobalHeads](repeating: usual, count: usual.isGlobal.count)
    for (name, layer) in try layers.members() {
      guard let index = Int(name), stated.indices.contains(index) else {
        throw layer.error(.outOfRange, "expected the number of one of \(stated.count) layers, found '\(name)'")
      }
      for (key, value) in try layer.members() {
        switch key {
        case "head_dim": stated[index].headDimension = try value.integer(in: Hyperparameters.extent)
        case "num_key_value_heads": stated[index].keyValueHeadCount = try value.integer(in: Hyperparameters.extent)
        default: throw value.error(.outOfRange, "layers that differ in \(key) are not supported")
        }
      }
    }
    let global = stated.indices.filter { usual.isGlobal[$0] }.map { stated[$0] }
    let others = stated.indices.filter { !usual.isGlobal[$0] }.map { stated[$0] }
    guard let first = global.first, global.allSatisfy({ $0 == first }), others.allSatisfy({ $0 == usual }) else {
      throw layers.error(.outOfRange, "expected the same heads in all layers without a window, and in all others")
    }
    return first
  }
}

extension LayerBuilder {
  /// A network, and experts that read the stream through norms of their own. Their sum is the block's output.
  fileprivate func gemma4Mixture() throws -> GraphBlock.Operation {
    func vector(_ gguf: String, _ huggingFace: String, count: Int) -> GraphVector {
      GraphVector(
        ggufName: "blk.\(index).\(gguf)", huggingFaceName: "model.layers.\(index).\(huggingFace)", count: count)
    }
    return try mixture(
      ExpertFiles(module: ""), sharedSuffix: "",
      expertScales: vector("ffn_down_exps.scale", "router.per_expert_scale", count: h.expertCount),
      norms: ExpertNorms(
        router: Norm(
          weight: vector("ffn_gate_inp.scale", "router.scale", count: h.hiddenSize), count: h.hiddenSize,
          epsilon: numbers.normEpsilon),
        routerScale: Float(1 / Double(h.hiddenSize).squareRoot()),
        input: norm("pre_ffw_norm_2", "pre_feedforward_layernorm_2"),
        output: norm("post_ffw_norm_2", "post_feedforward_layernorm_2"),
        shared: norm("post_ffw_norm_1", "post_feedforward_layernorm_1")))
  }
}
