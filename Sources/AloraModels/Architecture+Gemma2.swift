extension Architecture {
  /// Gemma 2: norms around both halves of a layer, capped logits, every other layer with a sliding window.
  ///
  /// Source: transformers `models/gemma2/modeling_gemma2.py`, llama.cpp `conversion/gemma.py` (`Gemma2Model`).
  static let gemma2 = Architecture(
    name: "gemma2", huggingFaceName: "Gemma2ForCausalLM", modelType: "gemma2",
    graph: GraphTraits(
      activation: .geluTanh, window: .allButEvery(period: 2, windowOfGGUF: 4096), attentionScale: .queryScalar,
      biases: .asConfigured,
      hasPostNorms: true, normOffset: 1, scalesEmbeddingByWidth: true, softCaps: (attention: 50, logits: 30))
  ) { h in
    LayerModule.attention(h, isPermuted: false) + LayerModule.gatedFeedForward(h)
  }
}
