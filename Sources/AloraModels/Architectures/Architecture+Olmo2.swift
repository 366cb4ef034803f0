extension Architecture {
  /// OLMo 2: norms after each half of a layer, none before, and norms on the whole rows of q and k. A GGUF is read as
  /// OLMo 3, which is the same with windows.
  ///
  /// Source: transformers `models/olmo2/modeling_olmo2.py`, llama.cpp `conversion/olmo.py` (`Olmo2Model`).
  static let olmo2 = Architecture(
    Names(gguf: "olmo2", family: "Olmo2", modelTypes: ["olmo2"]),
    defaults: ConfigurationDefaults(vocabularySize: 50304, contextLength: 2048, normEpsilon: 1e-5),
    numbers: GraphNumberRules(biases: .asConfigured),
    modules: { h in LayerModule.attention(h, isPermuted: false) + LayerModule.gatedFeedForward(h) },
    layer: { layer in try layer.postNorm(layer.attention(headNorms: .wholeRow), layer.gated()) })
}
