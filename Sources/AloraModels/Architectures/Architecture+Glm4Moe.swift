extension Architecture {
  /// GLM-4.5, 4.6 and 4.5-Air: experts that sigmoids and a correction choose, a shared expert, first layers without experts;
  /// the first part of a head is rotated, and some models have norms on the heads of q and k.
  ///
  /// Source: transformers `models/glm4_moe/modeling_glm4_moe.py`, llama.cpp `conversion/glm.py` (`Glm4MoeModel`),
  /// `src/models/glm4-moe.cpp`.
  static let glm4Moe = Architecture(
    Names(gguf: "glm4moe", family: "Glm4Moe", modelTypes: ["glm4_moe"]),
    defaults: ConfigurationDefaults(
      vocabularySize: 151_552, feedForwardSize: 10944, layerCount: 46, headCount: 96, keyValueHeadCount: 8,
      contextLength: 131_072, normEpsilon: 1e-5, partialRotaryFactor: 0.5,
      experts: .init(
        countNames: ["n_routed_experts", "num_local_experts"], count: 128, perToken: 8, feedForwardSize: 1408,
        sharedCount: ("n_shared_experts", 1), denseLayers: .leading(usual: 1))),
    configure: { reader, h in h.hasHeadNorms = try reader.boolean("use_qk_norm", default: false) },
    configureByGGUF: { reader, h in
      try h.readExperts(reader)
      h.hasHeadNorms = reader.hasTensor("blk.0.attn_q_norm.weight")
    },
    numbers: GraphNumberRules(
      positions: .partial, biases: .queryKeyValueAsConfigured(by: "attention_bias", fallback: false),
      routing: .scores(.sigmoid)),
    modules: { h in LayerModule.attention(h, isPermuted: false) + LayerModule.routedAndSharedFeedForward(h) },
    layer: { layer in
      // GGUF calls the second norm by what it follows.
      GraphLayer(blocks: [
        layer.block(
          .stream(layer.norm("attn_norm", "input_layernorm")),
          try layer.attention(headNorms: layer.h.hasHeadNorms ? .perHead : .none)),
        layer.block(
          .stream(layer.norm("post_attention_norm", "post_attention_layernorm")),
          try layer.routedFeedForward(correction: .init(name: "mlp.gate.e_score_correction_bias"))),
      ])
    })
}
