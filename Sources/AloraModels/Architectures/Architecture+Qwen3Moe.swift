extension Architecture {
  /// Qwen 3 with experts: norms on the heads of q and k, and maybe layers without experts.
  ///
  /// Source: transformers `models/qwen3_moe/modeling_qwen3_moe.py`, llama.cpp `conversion/qwen.py` (`Qwen3MoeModel`).
  static let qwen3Moe = Architecture(
    Names(gguf: "qwen3moe", family: "Qwen3Moe", modelTypes: ["qwen3_moe"]),
    defaults: ConfigurationDefaults(
      vocabularySize: 151_936, hiddenSize: 2048, feedForwardSize: 6144, layerCount: 24, keyValueHeadCount: 4,
      contextLength: 32768, experts: .init(count: 128, perToken: 8, feedForwardSize: 768, denseLayers: .sparse)),
    numbers: GraphNumberRules(
      window: .ifUsed, biases: .asConfigured, routing: .asConfigured(isNormalizedInGGUF: true)),
    modules: { h in LayerModule.attention(h, isPermuted: false) + LayerModule.routedFeedForward(h) },
    layer: { layer in try layer.preNorm(layer.attention(headNorms: .perHead), layer.routedFeedForward()) })

  /// The text part of Qwen 3-VL with experts, whose parameters are in published files by columns, and in those of
  /// transformers 5 by rows. Text alone has the same position in all three parts of its rotary embedding.
  ///
  /// Source: transformers `models/qwen3_vl_moe/modeling_qwen3_vl_moe.py`, `conversion_mapping.py`, llama.cpp
  /// `conversion/qwen3vl.py` (`Qwen3VLMoeTextModel`).
  static let qwen3VLMoe = Architecture(
    Names(
      gguf: "qwen3vlmoe", family: "Qwen3VLMoe", modelTypes: ["qwen3_vl_moe_text", "qwen3_vl_moe"],
      wrappers: ["Qwen3VLMoeForConditionalGeneration"]),
    defaults: ConfigurationDefaults(
      vocabularySize: 151_936, hiddenSize: 2048, feedForwardSize: 5632, layerCount: 24, headCount: 16,
      keyValueHeadCount: 16, contextLength: 128_000, ropeTheta: 500_000, tiesEmbeddings: true,
      experts: .init(count: 60, perToken: 4, feedForwardSize: 1408, denseLayers: .sparse)),
    numbers: GraphNumberRules(biases: .asConfigured),
    modules: { h in LayerModule.attention(h, isPermuted: false) + LayerModule.routedFeedForward(h) },
    layer: { layer in
      try layer.preNorm(
        layer.attention(headNorms: .perHead),
        layer.routedFeedForward(ExpertFiles(parameters: .init(layout: .rowsOrColumns))))
    })
}

extension Architecture.LayerModule {
  func inLayers(_ layers: Layers) -> Self {
    var module = self
    module.layers = layers
    return module
  }

  /// The router of layers with experts, and the network of those without.
  static func routedFeedForward(_ h: Hyperparameters) -> [Self] {
    [linear("mlp.gate", h.hiddenSize, h.expertCount, "ffn_gate_inp").inLayers(.withExperts)]
      + gatedNetwork("mlp", h, h.denseFeedForwardSize).map { $0.inLayers(.dense) }
  }

  /// The same, and a network that all tokens share, if there is one.
  static func routedAndSharedFeedForward(_ h: Hyperparameters) -> [Self] {
    let shared =
      h.sharedFeedForwardSize > 0 ? gatedNetwork("mlp.shared_experts", h, h.sharedFeedForwardSize, "_shexp") : []
    return routedFeedForward(h) + shared.map { $0.inLayers(.withExperts) }
  }
}

extension LayerBuilder {
  /// Experts in two parameters, or in modules of their own, as files of transformers 4 have them; or one network.
  ///
  /// - Parameter correction: what is added to the experts' scores for their choice.
  func routedFeedForward(correction: ExpertFiles.Correction? = nil) throws -> GraphBlock.Operation {
    try routedFeedForward(ExpertFiles(projections: ("mlp", .init()), correction: correction))
  }

  func routedFeedForward(_ files: ExpertFiles) throws -> GraphBlock.Operation {
    h.denseLayers.contains(index) ? try gated() : try mixture(files)
  }
}
