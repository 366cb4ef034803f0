extension Architecture {
  /// Qwen 3, dense: norms on the heads of q and k.
  ///
  /// Source: transformers `models/qwen3/modeling_qwen3.py`, llama.cpp `conversion/qwen.py` (`Qwen3Model`).
  static let qwen3 = Architecture(
    name: "qwen3", huggingFaceName: "Qwen3ForCausalLM", modelType: "qwen3",
    graph: GraphTraits(window: .fromLayer, biases: .asConfigured, hasHeadNorms: true)
  ) { h in
    LayerModule.attention(h, isPermuted: false) + LayerModule.gatedFeedForward(h)
  }
}
