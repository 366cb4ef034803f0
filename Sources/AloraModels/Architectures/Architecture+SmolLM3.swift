extension Architecture {
  /// SmolLM 3: Llama's weights; every fourth layer has no position embedding.
  ///
  /// Source: transformers `models/smollm3/modeling_smollm3.py`, llama.cpp `conversion/llama.py` (`SmolLM3Model`).
  static let smolLM3 = Architecture(
    Names(gguf: "smollm3", family: "SmolLM3", modelTypes: ["smollm3"]),
    defaults: ConfigurationDefaults(
      vocabularySize: 128_256, hiddenSize: 2048, layerCount: 36, headCount: 16, keyValueHeadCount: 4,
      contextLength: 32768, ropeTheta: 2_000_000, tiesEmbeddings: true),
    numbers: GraphNumberRules(
      window: .withoutPositionsIfUsed, positions: .allButEvery(period: 4), biases: .asConfigured),
    modules: { h in LayerModule.attention(h, isPermuted: true) + LayerModule.gatedFeedForward(h) },
    layer: { layer in try layer.preNorm(layer.attention(), layer.gated()) })
}
