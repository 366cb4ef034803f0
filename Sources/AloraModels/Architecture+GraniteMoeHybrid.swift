extension Architecture {
  /// IBM Granite 4.0 without Mamba layers (4.0-micro, 4.0-1b, …), with a fused feed-forward network and maybe experts.
  ///
  /// The reference writes such a model as `granite` or, with experts, as `granitemoe`.
  /// Source: transformers `models/granitemoehybrid/modeling_granitemoehybrid.py`, llama.cpp `conversion/granite.py`
  /// (`GraniteHybridModel`).
  static let graniteMoeHybrid = Architecture(
    name: "granite", huggingFaceName: "GraniteMoeHybridForCausalLM", modelType: "granitemoehybrid",
    objection: { reader in
      let layers = try reader.integer("num_hidden_layers", in: Hyperparameters.layers)
      guard let types = try reader.strings("layer_types") else {
        return "config.json does not say which layers are attention (layer_types)"
      }
      guard types.count == layers else { return "layer_types lists \(types.count) layers of \(layers)" }
      let others = Set(types).subtracting(["attention", "full_attention"]).sorted()
      return others.isEmpty ? nil : "it has layers of the kind \(others.joined(separator: ", "))"
    },
    // By the experts per token, as the reference decides it.
    variantName: { $0.expertsPerToken > 0 ? "granitemoe" : nil },
    graph: GraphTraits(
      attentionScale: .multiplier, positions: .switched, biases: .asConfigured, hasMultipliers: true),
    layerModules: mixtureModules)
}
