extension Architecture {
  /// IBM Granite 3.x with experts. The experts are bare parameters, which LoRA on modules does not reach.
  ///
  /// Source: transformers `models/granitemoe/modeling_granitemoe.py`, llama.cpp `conversion/granite.py`
  /// (`GraniteMoeModel`).
  static let graniteMoe = graniteMixture(
    Names(gguf: "granitemoe", family: "GraniteMoe", modelTypes: ["granitemoe"]))

  /// The same with a shared expert.
  ///
  /// Source: transformers `models/granitemoeshared/modeling_granitemoeshared.py`.
  static let graniteMoeShared = graniteMixture(
    Names(gguf: "granitemoe", family: "GraniteMoeShared", modelTypes: ["granitemoeshared"]))

  private static func graniteMixture(_ names: Names) -> Architecture {
    Architecture(
      names, defaults: ConfigurationDefaults(vocabularySize: 32000, contextLength: 2048),
      objection: { reader in try reader.integer("num_local_experts", default: 0) < 1 ? "it has no experts" : nil },
      // Position embedding and biases as the configuration says.
      numbers: GraphNumberRules(attentionScale: .multiplier, biases: .asConfigured, hasMultipliers: true),
      modules: graniteMixtureModules,
      layer: { layer in try layer.preNorm(layer.attention(), layer.graniteMixture()) })
  }

  /// Attention, the router, and the shared expert if there is one; without experts, the shared feed-forward network takes
  /// the names of a dense one.
  @Sendable static func graniteMixtureModules(_ h: Hyperparameters) -> [LayerModule] {
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

extension LayerBuilder {
  /// Granite's experts: gate and up of all experts are in one tensor of three dimensions.
  func graniteMixture() throws -> GraphBlock.Operation {
    guard h.expertCount > 0 else { return try gated() }
    return try mixture(
      ExpertFiles(
        module: "block_sparse_moe", parameters: .init(gateUp: "input_linear.weight", down: "output_linear.weight")))
  }
}
