extension Architecture {
  /// IBM Granite 3.x and 4.1, dense: Llama's weights with four multipliers.
  ///
  /// Source: transformers `models/granite/modeling_granite.py`, llama.cpp `conversion/granite.py` (`GraniteModel`).
  static let granite = Architecture(
    name: "granite", huggingFaceName: "GraniteForCausalLM", modelType: "granite",
    graph: GraphTraits(attentionScale: .multiplier, biases: .asConfigured, hasMultipliers: true)
  ) { h in
    LayerModule.attention(h, isPermuted: true) + LayerModule.gatedFeedForward(h)
  }
}
