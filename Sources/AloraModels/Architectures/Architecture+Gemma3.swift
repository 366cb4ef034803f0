extension Architecture {
  /// The text part of Gemma 3: norms on the heads of q and k, five layers of six with a sliding window.
  ///
  /// Source: transformers `models/gemma3/modeling_gemma3.py`, llama.cpp `conversion/gemma.py` (`Gemma3Model`).
  static let gemma3 = Architecture(
    Names(
      gguf: "gemma3", family: "Gemma3", modelTypes: ["gemma3_text"], wrappers: ["Gemma3ForConditionalGeneration"]),
    defaults: ConfigurationDefaults(
      vocabularySize: 262_208, hiddenSize: 2304, feedForwardSize: 9216, layerCount: 26, headCount: 8,
      keyValueHeadCount: 4, headDimension: 256, contextLength: 131_072, tiesEmbeddings: true),
    numbers: GraphNumberRules(
      activation: .geluTanh, window: .allButEvery(period: 6, windowOfGGUF: nil),
      attentionScale: .queryScalar(layerCountOfLargest: 62), positions: .perLayerKind(full: 1_000_000, windowed: 10000),
      biases: .asConfigured,
      normOffset: 1, scalesEmbeddingByWidth: true, softCaps: (attention: nil, logits: nil), capsAttention: false),
    modules: { h in LayerModule.attention(h, isPermuted: false) + LayerModule.gatedFeedForward(h) },
    layer: { layer in try layer.surroundingNorms(layer.attention(headNorms: .perHead), layer.gated()) })
}
