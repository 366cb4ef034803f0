extension Architecture {
  /// GLM-4 (0414): neighbours in the first part of a head are rotated, norms around both halves of a layer, gate and up in
  /// one weight.
  ///
  /// Source: transformers `models/glm4/modeling_glm4.py`, llama.cpp `conversion/glm.py` (`Glm4Model`).
  static let glm4 = Architecture(
    Names(gguf: "glm4", family: "Glm4", modelTypes: ["glm4"]),
    defaults: ConfigurationDefaults(
      vocabularySize: 151_552, feedForwardSize: 13696, layerCount: 40, keyValueHeadCount: 2, headDimension: 128,
      contextLength: 131_072, normEpsilon: 1.5625e-7, partialRotaryFactor: 0.5),
    objectionToGGUF: { reader in
      // With M-RoPE, llama.cpp's converter reorders rows of q and k.
      if reader.has("rope.dimension_sections") { return "it has M-RoPE" }
      return try reader.integer("nextn_predict_layers", default: 0) > 0 ? "it has layers that predict more tokens" : nil
    },
    numbers: GraphNumberRules(
      positions: .partial, rotaryLayout: .interleaved, biases: .queryKeyValueAsConfigured(by: "attention_bias")),
    modules: { h in
      LayerModule.attention(h, isPermuted: false) + [
        .linear("mlp.gate_up_proj", h.hiddenSize, 2 * h.feedForwardSize, "ffn_up"),
        .linear("mlp.down_proj", h.feedForwardSize, h.hiddenSize, "ffn_down"),
      ]
    },
    layer: { layer in
      GraphLayer(blocks: [
        layer.block(
          .stream(layer.norm("attn_norm", "input_layernorm")), try layer.attention(),
          outputNorm: layer.norm("post_attention_norm", "post_self_attn_layernorm")),
        layer.block(
          .stream(layer.norm("ffn_norm", "post_attention_layernorm")), try layer.gated(isFused: true),
          outputNorm: layer.norm("post_ffw_norm", "post_mlp_layernorm")),
      ])
    })
}
