extension Architecture {
  /// Llama 2 and 3, SmolLM2 and their many relatives.
  ///
  /// Source: transformers `models/llama/modeling_llama.py`, llama.cpp `conversion/llama.py`.
  static let llama = Architecture(
    Names(gguf: "llama", family: "Llama", modelTypes: ["llama"]),
    defaults: ConfigurationDefaults(vocabularySize: 32000, contextLength: 2048),
    describes: { $0.expertCount == 0 },
    numbers: GraphNumberRules(biases: .asConfigured),
    modules: { h in LayerModule.attention(h, isPermuted: true) + LayerModule.gatedFeedForward(h) },
    layer: { layer in try layer.preNorm(layer.attention(), layer.gated()) })
}
