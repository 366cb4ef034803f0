extension Architecture {
  /// IBM Granite 4.0: layers of attention and of Mamba 2, or attention alone (4.0-micro, 4.0-1b), with a fused feed-forward
  /// network and maybe experts.
  ///
  /// The reference writes a model without Mamba layers as `granite` or, with experts, as `granitemoe`.
  /// Source: transformers `models/granitemoehybrid/modeling_granitemoehybrid.py`, llama.cpp `conversion/granite.py`
  /// (`GraniteHybridModel`).
  static let graniteMoeHybrid = Architecture(
    Names(
      gguf: "granite", otherGGUF: ["granitemoe", "granitehybrid"], family: "GraniteMoeHybrid",
      modelTypes: ["granitemoehybrid"]),
    defaults: ConfigurationDefaults(vocabularySize: 32000, contextLength: 2048),
    objection: { reader in
      let layers = try reader.integer("num_hidden_layers", in: Hyperparameters.layers)
      guard let types = try reader.strings("layer_types") ?? reader.strings("layers_block_type") else { return nil }
      guard types.count == layers else { return "layer_types lists \(types.count) layers of \(layers)" }
      let others = Set(types).subtracting(["attention", "full_attention", "mamba", "linear_attention"]).sorted()
      return others.isEmpty ? nil : "it has layers of the kind \(others.joined(separator: ", "))"
    },
    recurrence: { reader, h in
      // A class without a list has no attention at all.
      let types = try reader.strings("layer_types") ?? reader.strings("layers_block_type")
      let layers = Set(
        (0..<h.layerCount).filter { index in types.map { ["mamba", "linear_attention"].contains($0[index]) } ?? true })
      return layers.isEmpty
        ? nil
        : Hyperparameters.Recurrence(
          layers: layers, .mamba2(try Mamba2Shape(reader, hiddenSize: h.hiddenSize, layerCount: layers.count)))
    },
    recurrenceOfGGUF: Hyperparameters.Recurrence.mamba2,
    // By the experts per token, as the reference decides it.
    variantName: { $0.recurrence != nil ? "granitehybrid" : $0.expertsPerToken > 0 ? "granitemoe" : nil },
    numbers: GraphNumberRules(
      attentionScale: .multiplier, positions: .switched, biases: .asConfigured, hasMultipliers: true),
    modules: { h in
      LayerModule.mamba2(h)
        + graniteMixtureModules(h).map { $0.name.hasPrefix("self_attn.") ? $0.inLayers(.withAttention) : $0 }
    },
    layer: { layer in try layer.preNorm(layer.attentionOrMamba2(), layer.graniteMixture()) })
}
