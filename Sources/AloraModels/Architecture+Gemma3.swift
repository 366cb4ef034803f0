extension Architecture {
  /// Gemma 3, text only: norms on the heads of q and k, five layers of six with a sliding window.
  ///
  /// Source: transformers `models/gemma3/modeling_gemma3.py`, llama.cpp `conversion/gemma.py` (`Gemma3Model`).
  static let gemma3 = Architecture(
    name: "gemma3", huggingFaceName: "Gemma3ForCausalLM", modelType: "gemma3_text",
    graph: GraphTraits(
      activation: .geluTanh, window: .allButEvery(period: 6, windowOfGGUF: nil), attentionScale: .queryScalar,
      positions: .perLayerKind,
      biases: .asConfigured, hasPostNorms: true, hasHeadNorms: true, normOffset: 1, scalesEmbeddingByWidth: true,
      softCaps: (attention: nil, logits: nil))
  ) { h in
    LayerModule.attention(h, isPermuted: false) + LayerModule.gatedFeedForward(h)
  }
}
