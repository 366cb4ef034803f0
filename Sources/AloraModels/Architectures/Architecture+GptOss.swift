extension Architecture {
  /// gpt-oss: attention sinks, windows in every second layer, biases everywhere, and experts with a clamped gate. The
  /// published weights of the experts are MXFP4.
  ///
  /// Source: transformers `models/gpt_oss/modeling_gpt_oss.py`, `integrations/mxfp4.py`, llama.cpp
  /// `conversion/gpt_oss.py`, `src/models/openai-moe.cpp`.
  static let gptOss = Architecture(
    Names(gguf: "gpt-oss", family: "GptOss", modelTypes: ["gpt_oss"]),
    defaults: ConfigurationDefaults(
      vocabularySize: 201_088, hiddenSize: 2880, feedForwardSize: 2880, layerCount: 36, headCount: 64,
      keyValueHeadCount: 8, headDimension: 64, contextLength: 131_072, normEpsilon: 1e-5, ropeTheta: 150_000,
      yarn: .init(factor: 32, attentionFactor: RotaryDescription.yarnAttentionFactor(32), truncates: false),
      yarnOriginalLength: 4096, experts: .init(count: 128, perToken: 4)),
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
