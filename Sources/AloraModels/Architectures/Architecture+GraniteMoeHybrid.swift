extension Architecture {
  /// IBM Granite 4.0 without Mamba layers (4.0-micro, 4.0-1b, …), with a fused feed-forward network and maybe experts.
  ///
  /// The reference writes such a model as `granite` or, with experts, as `granitemoe`.
  /// Source: transformers `models/granitemoehybrid/modeling_granitemoehybrid.py`, llama.cpp `conversion/granite.py`
  /// (`GraniteHybridModel`).
  static let graniteMoeHybrid = Architecture(
    Names(gguf: "granite", otherGGUF: ["granitemoe"], family: "GraniteMoeHybrid", modelTypes: ["granitemoehybrid"]),
    defaults: ConfigurationDefaults(vocabularySize: 32000, contextLength: 2048),
    objection: { reader in
      let layers = try reader.integer("num_hidden_layers", in: Hyperparameters.layers)
      guard let types = try reader.strings("layer_types") else {
        return "the configuration doesn't say which layers are attention (layer_types)"
      }
      guard types.count == layers else { return "layer_types lists \(types.count) layers of \(layers)" }
      let others = Set(types).subtracting(["attention", "full_attention"]).sorted()
      return others.isEmpty ? nil : "it has layers of the kind \(others.joined(separator: ", "))"
    },
    // By the experts per token, as the reference decides it.
    variantName: { $0.expertsPerToken > 0 ? "granitemoe" : nil },
    numbers: GraphNumberRules(
      attentionScale: .multiplier, positions: .switched, biases: .asConfigured, hasMultipliers: true),
    modules: graniteMixtureModules,
    layer: { layer in try layer.preNorm(layer.attention(), layer.graniteMixture()) })
}
