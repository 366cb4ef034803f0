extension Architecture {
  /// Qwen 2 and 2.5: q, k and v with biases; GGUF keeps the rotation of halves, so no row moves.
  ///
  /// Source: transformers `models/qwen2/modeling_qwen2.py`, llama.cpp `conversion/qwen.py` (`Qwen2Model`).
  static let qwen2 = Architecture(
    name: "qwen2", huggingFaceName: "Qwen2ForCausalLM", modelType: "qwen2",
    graph: GraphTraits(window: .fromLayer, biases: .queryKeyValue)
  ) { h in
    LayerModule.attention(h, isPermuted: false) + LayerModule.gatedFeedForward(h)
  }
}
