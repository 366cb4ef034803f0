internal import AloraJSON

extension Architecture {
  /// Bamba: layers of attention, with half of each head rotated, and of Mamba 2.
  ///
  /// Source: transformers `models/bamba/modeling_bamba.py`, llama.cpp `conversion/granite.py` (`GraniteHybridModel`).
  static let bamba = Architecture(
    Names(gguf: "granitehybrid", family: "Bamba", modelTypes: ["bamba"]),
    defaults: ConfigurationDefaults(
      vocabularySize: 128_000, feedForwardSize: 14336, keyValueHeadCount: 8, contextLength: 262_144, normEpsilon: 1e-5,
      partialRotaryFactor: 0.5),
    recurrence: { reader, h in
      let attention = Set(
        try reader.json[optional: "attn_layer_indices"]?.integers(in: 0...Hyperparameters.layers.upperBound) ?? [])
      let layers = Set(0..<h.layerCount).subtracting(attention)
      return layers.isEmpty
        ? nil
        : Hyperparameters.Recurrence(
          layers: layers, .mamba2(try Mamba2Shape(reader, hiddenSize: h.hiddenSize, layerCount: layers.count)))
    },
    recurrenceOfGGUF: Hyperparameters.Recurrence.mamba2,
    // Granite's hybrids have the same name.
    describes: { $0.expertCount == 0 && $0.sharedFeedForwardSize == $0.feedForwardSize },
    numbers: GraphNumberRules(positions: .partial, biases: .asConfigured, finalNorm: "model.final_layernorm"),
    modules: { h in
      LayerModule.mamba2(h) + LayerModule.attention(h, isPermuted: true).map { $0.inLayers(.withAttention) } + [
        .linear("feed_forward.gate_proj", h.hiddenSize, h.feedForwardSize, "ffn_gate"),
        .linear("feed_forward.up_proj", h.hiddenSize, h.feedForwardSize, "ffn_up"),
        .linear("feed_forward.down_proj", h.feedForwardSize, h.hiddenSize, "ffn_down"),
      ]
    },
    layer: { layer in
      try layer.preNorm(layer.attentionOrMamba2(), layer.gated(), second: "pre_ff_layernorm")
    })
}
