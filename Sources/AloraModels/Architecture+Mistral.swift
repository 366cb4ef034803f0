extension Architecture {
  /// Mistral 7B and its relatives: Llama's weights, with a sliding window. GGUF calls it `llama`.
  ///
  /// Source: transformers `models/mistral/modeling_mistral.py`, llama.cpp `conversion/llama.py`.
  static let mistral = Architecture(
    name: "llama", huggingFaceName: "MistralForCausalLM", modelType: "mistral",
    graph: GraphTraits(window: .everyLayer(fallback: 4096))
  ) { h in
    LayerModule.attention(h, isPermuted: true) + LayerModule.gatedFeedForward(h)
  }
}
