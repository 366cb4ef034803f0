extension Architecture {
  /// Command R7B and A: attention and feed-forward network side by side after one layer norm; three layers of four have a
  /// window, and only these have positions.
  ///
  /// Source: transformers `models/cohere2/modeling_cohere2.py`, llama.cpp `conversion/command_r.py` (`Cohere2Model`).
  static let cohere2 = Architecture(
    Names(gguf: "cohere2", family: "Cohere2", modelTypes: ["cohere2"]),
    defaults: ConfigurationDefaults(
      vocabularySize: 256_000, hiddenSize: 8192, feedForwardSize: 22528, layerCount: 40, headCount: 64,
      contextLength: 8192, normEpsilon: 1e-5, tiesEmbeddings: true),
    numbers: GraphNumberRules(
      window: .allButEvery(period: 4, windowOfGGUF: nil), positions: .windowed(isPlainWithoutWindow: false),
      rotaryLayout: .interleaved, biases: .asConfigured, norm: .layer, logitFactor: 0.0625),
    modules: { h in LayerModule.attention(h, isPermuted: false) + LayerModule.gatedFeedForward(h) },
    layer: { layer in try layer.parallel(layer.attention(), layer.gated()) })
}
