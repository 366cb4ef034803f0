extension Architecture {
  /// OLMoE: norms on the whole rows of q and k, maybe a limit of q, k and v, and a mixture of experts.
  ///
  /// Source: transformers `models/olmoe/modeling_olmoe.py`, llama.cpp `conversion/olmo.py` (`OlmoeModel`).
  static let olmoe = Architecture(
    Names(gguf: "olmoe", family: "Olmoe", modelTypes: ["olmoe"]),
    defaults: ConfigurationDefaults(
      vocabularySize: 50304, hiddenSize: 2048, feedForwardSize: 2048, layerCount: 16, headCount: 16,
      contextLength: 4096,
      normEpsilon: 1e-5, experts: .init(count: 64, perToken: 8)),
    numbers: GraphNumberRules(
      hasLimit: true, biases: .asConfigured, routing: .asConfigured(isNormalizedInGGUF: false)),
    modules: { h in LayerModule.attention(h, isPermuted: false) + LayerModule.routedFeedForward(h) },
    layer: { layer in try layer.preNorm(layer.attention(headNorms: .wholeRow), layer.routedFeedForward()) })
}
