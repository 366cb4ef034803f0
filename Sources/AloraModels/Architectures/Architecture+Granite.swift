extension Architecture {
  /// IBM Granite 3.x and 4.1, dense: Llama's weights with four multipliers.
  ///
  /// Source: transformers `models/granite/modeling_granite.py`, llama.cpp `conversion/granite.py` (`GraniteModel`).
  static let granite = Architecture(
    Names(gguf: "granite", family: "Granite", modelTypes: ["granite"]),
    defaults: ConfigurationDefaults(vocabularySize: 32000, contextLength: 2048),
    numbers: GraphNumberRules(attentionScale: .multiplier, biases: .asConfigured, hasMultipliers: true),
    modules: { h in LayerModule.attention(h, isPermuted: true) + LayerModule.gatedFeedForward(h) },
    layer: { layer in try layer.preNorm(layer.attention(), layer.gated()) })
}
