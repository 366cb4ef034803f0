extension Architecture {
  /// Seed-OSS: Llama with biases on q, k and v.
  ///
  /// Source: transformers `models/seed_oss/modeling_seed_oss.py`, llama.cpp `conversion/olmo.py` (`SeedOssModel`).
  static let seedOss = Architecture(
    Names(gguf: "seed_oss", family: "SeedOss", modelTypes: ["seed_oss"]),
    defaults: ConfigurationDefaults(
      vocabularySize: 155_136, feedForwardSize: 27648, layerCount: 64, headCount: 80, keyValueHeadCount: 8,
      headDimension: 128, contextLength: 524_288),
    numbers: GraphNumberRules(biases: .outputApart),
    modules: { h in LayerModule.attention(h, isPermuted: false) + LayerModule.gatedFeedForward(h) },
    layer: { layer in
      // GGUF calls the second norm by what it follows.
      GraphLayer(blocks: [
        layer.block(.stream(layer.norm("attn_norm", "input_layernorm")), try layer.attention()),
        layer.block(.stream(layer.norm("post_attention_norm", "post_attention_layernorm")), try layer.gated()),
      ])
    })
}
