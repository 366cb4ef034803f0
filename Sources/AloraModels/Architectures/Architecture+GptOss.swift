extension Architecture {
  /// gpt-oss: a logit in each head's softmax that has no value, windows in every second layer, biases everywhere, and
  /// experts with a clamped gate, whose published weights are MXFP4.
  ///
  /// Source: transformers `models/gpt_oss/modeling_gpt_oss.py`, `integrations/mxfp4.py`, llama.cpp
  /// `conversion/gpt_oss.py`, `src/models/openai-moe.cpp`.
  static let gptOss = Architecture(
    Names(gguf: "gpt-oss", family: "GptOss", modelTypes: ["gpt_oss"]),
    defaults: ConfigurationDefaults(
      vocabularySize: 201_088, hiddenSize: 2880, feedForwardSize: 2880, layerCount: 36, headCount: 64,
      keyValueHeadCount: 8, headDimension: 64, contextLength: 131_072, normEpsilon: 1e-5, ropeTheta: 150_000,
      experts: .init(count: 128, perToken: 4)),
    objection: { reader in
      let hasRotary = reader.has("rope_parameters") || reader.has("rope_scaling")
      return hasRotary ? nil : "the configuration doesn't describe its rotary embedding (rope_parameters)"
    },
    numbers: GraphNumberRules(
      activation: .clampedSwish(slope: 1.702, limit: 7),
      window: .allButEvery(period: 2, windowOfGGUF: nil, fallback: 128), biases: .attention, truncatesYarnOfGGUF: false),
    readsMXFP4: true,
    modules: { h in
      LayerModule.attention(h, isPermuted: false) + [
        .linear("mlp.router", h.hiddenSize, h.expertCount, "ffn_gate_inp")
      ]
    },
    layer: { layer in
      // GGUF calls the second norm by what it follows.
      GraphLayer(blocks: [
        layer.block(.stream(layer.norm("attn_norm", "input_layernorm")), try layer.attention(hasSinks: true)),
        layer.block(
          .stream(layer.norm("post_attention_norm", "post_attention_layernorm")),
          try layer.mixture(ExpertFiles(parameters: .init(isInterleaved: true), hasBias: true))),
      ])
    })
}
