extension Architecture {
  /// Llama 2 and 3, SmolLM2 and their many relatives.
  ///
  /// Source: transformers `models/llama/modeling_llama.py`, llama.cpp `conversion/llama.py`.
  static let llama = Architecture(
    name: "llama", huggingFaceName: "LlamaForCausalLM", modelType: "llama",
    graph: GraphTraits(biases: .asConfigured)
  ) { h in
    LayerModule.attention(h, isPermuted: true) + LayerModule.gatedFeedForward(h)
  }
}
