extension Architecture {
  /// Gemma 2: norms around both halves of a layer, capped logits, every other layer with a sliding window.
  ///
  /// Source: transformers `models/gemma2/modeling_gemma2.py`, llama.cpp `conversion/gemma.py` (`Gemma2Model`).
  static let gemma2 = Architecture(
    Names(gguf: "gemma2", family: "Gemma2", modelTypes: ["gemma2"]),
    defaults: ConfigurationDefaults(
      vocabularySize: 256_000, hiddenSize: 2304, feedForwardSize: 9216, layerCount: 26, headCount: 8,
      keyValueHeadCount: 4, headDimension: 256, contextLength: 8192, tiesEmbeddings: true),
    numbers: GraphNumberRules(
      activation: .geluTanh, window: .allButEvery(period: 2, windowOfGGUF: 4096),
      attentionScale: .queryScalar(layerCountOfLargest: 46), biases: .asConfigured, normOffset: 1,
      scalesEmbeddingByWidth: true, softCaps: (attention: 50, logits: 30)),
    modules: { h in LayerModule.attention(h, isPermuted: false) + LayerModule.gatedFeedForward(h) },
    layer: { layer in try layer.surroundingNorms(layer.attention(), layer.gated()) })
}
