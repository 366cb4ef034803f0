extension Architecture {
  /// IBM Granite 3.x with experts. The experts are bare parameters, which LoRA on modules does not reach.
  ///
  /// Source: transformers `models/granitemoe/modeling_granitemoe.py`, llama.cpp `conversion/granite.py`
  /// (`GraniteMoeModel`).
  static let graniteMoe = Architecture(
    name: "granitemoe", huggingFaceName: "GraniteMoeForCausalLM", modelType: "granitemoe",
    objection: { reader in try reader.integer("num_local_experts", default: 0) < 1 ? "it has no experts" : nil },
    graph: graniteMixture, layerModules: mixtureModules)

  /// The same with a shared expert.
  ///
  /// Source: transformers `models/granitemoeshared/modeling_granitemoeshared.py`.
  static let graniteMoeShared = Architecture(
    name: "granitemoe", huggingFaceName: "GraniteMoeSharedForCausalLM", modelType: "granitemoeshared",
    objection: { reader in try reader.integer("num_local_experts", default: 0) < 1 ? "it has no experts" : nil },
    graph: graniteMixture, layerModules: mixtureModules)

  /// Granite's multipliers; position embedding and biases as config.json says.
  static let graniteMixture = GraphTraits(
    attentionScale: .multiplier, biases: .asConfigured, hasMultipliers: true)

  /// Attention, the router, and the shared expert where there is one; without experts, the shared feed-forward network
  /// takes the names of a dense one.
  @Sendable static func mixtureModules(_ h: Hyperparameters) -> [LayerModule] {
    var modules = LayerModule.attention(h, isPermuted: true)
    let hasExperts = h.expertCount > 0
    if hasExperts {
      modules.append(.linear("block_sparse_moe.router.layer", h.hiddenSize, h.expertCount, "ffn_gate_inp"))
    }
    if h.sharedFeedForwardSize > 0 {
      let suffix = hasExperts ? "_shexp" : ""
      modules.append(
        .fused(
          "shared_mlp.input_linear", h.hiddenSize, h.sharedFeedForwardSize, ["ffn_gate\(suffix)", "ffn_up\(suffix)"]))
      modules.append(
        .linear("shared_mlp.output_linear", h.sharedFeedForwardSize, h.hiddenSize, "ffn_down\(suffix)"))
    }
    return modules
  }
}
