extension Architecture {
  /// Qwen 1.5 and 2 with experts: a shared expert with a gate of its own, and maybe layers without experts.
  ///
  /// Source: transformers `models/qwen2_moe/modeling_qwen2_moe.py`, llama.cpp `conversion/qwen.py` (`Qwen2MoeModel`).
  static let qwen2Moe = Architecture(
    Names(gguf: "qwen2moe", family: "Qwen2Moe", modelTypes: ["qwen2_moe"]),
    defaults: ConfigurationDefaults(
      vocabularySize: 151_936, hiddenSize: 2048, feedForwardSize: 5632, layerCount: 24, headCount: 16,
      keyValueHeadCount: 16, contextLength: 32768,
      experts: .init(
        count: 60, perToken: 4, feedForwardSize: 1408, sharedFeedForwardSize: 5632, denseLayers: .sparse)),
    numbers: GraphNumberRules(
      window: .evenLayersIfUsed, biases: .queryKeyValueAsConfigured(by: "qkv_bias"),
      routing: .asConfigured(isNormalizedInGGUF: false)),
    modules: { h in
      LayerModule.attention(h, isPermuted: false) + LayerModule.routedFeedForward(h)
        + LayerModule.sharedExpert(h)
    },
    layer: { layer in try layer.preNorm(layer.attention(), layer.routedFeedForward()) })
}

extension Architecture.LayerModule {
  /// An expert that all tokens share, with a gate of its own.
  static func sharedExpert(_ h: Hyperparameters) -> [Self] {
    let modules =
      gatedNetwork("mlp.shared_expert", h, h.sharedFeedForwardSize, "_shexp") + [
        linear("mlp.shared_expert_gate", h.hiddenSize, 1, "ffn_gate_inp_shexp")
      ]
    return modules.map { $0.inLayers(.withExperts) }
  }
}
