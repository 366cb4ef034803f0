internal import AloraJSON

extension Architecture {
  /// NVIDIA's Nemotron-H, dense: a layer is either Mamba 2, attention without positions, or a feed-forward network without a gate.
  ///
  /// Source: transformers `models/nemotron_h/modeling_nemotron_h.py`, llama.cpp `conversion/nemotron.py` (`NemotronHModel`),
  /// `src/models/nemotron-h.cpp`.
  static let nemotronH = Architecture(
    Names(gguf: "nemotron_h", family: "NemotronH", modelTypes: ["nemotron_h"], embedding: "model.embeddings"),
    defaults: ConfigurationDefaults(
      vocabularySize: 131_072, feedForwardSize: 21504, keyValueHeadCount: 8, headDimension: 128, contextLength: 4096,
      normEpsilon: 1e-5),
    objection: { reader in
      if try nemotronKinds(reader).contains(.experts) { return "it has experts" }
      for (name, usual) in [("mlp_hidden_act", "relu2"), ("mamba_hidden_act", "silu")] {
        if let activation = try reader.string(name), activation != usual {
          return "the activation '\(activation)' (\(name))"
        }
      }
      return nil
    },
    recurrence: { reader, h in
      let kinds = try nemotronKinds(reader)
      guard kinds.count == h.layerCount else {
        throw reader.json.error(.outOfRange, "the layers' kinds are \(kinds.count) for \(h.layerCount) layers")
      }
      let layers = Set(kinds.indices.filter { kinds[$0] == .mamba })
      func integer(_ names: String..., default fallback: Int) throws -> Int {
        try reader.integer(names.first(where: reader.has) ?? names[0], default: fallback)
      }
      let limit = Float(
        try reader.number(reader.has("mamba_dt_min") ? "mamba_dt_min" : "time_step_min", default: 0.001))
      let shape = Mamba2Shape(
        headCount: try integer("mamba_num_heads", default: 128),
        headDimension: try integer("mamba_head_dim", default: 64),
        groupCount: try integer("mamba_n_groups", "n_groups", default: 8),
        stateSize: try integer("ssm_state_size", default: 128),
        kernelSize: try integer("mamba_d_conv", "conv_kernel", default: 4), stepLimits: limit...max(limit, .infinity),
        hasConvolutionBias: try reader.boolean(
          reader.has("mamba_conv_bias") ? "mamba_conv_bias" : "use_conv_bias", default: true),
        hasProjectionBias: try reader.boolean("use_bias", default: false))
      try reader.check(shape.objection(layerCount: layers.count))
      return Hyperparameters.Recurrence(
        layers: layers, attentionLayers: Set(kinds.indices.filter { kinds[$0] == .attention }), .mamba2(shape))
    },
    recurrenceOfGGUF: { reader, layerCount in
      // A layer with neither keys nor a network is Mamba.
      let without = try reader.layersWithoutKeys(layerCount: layerCount)
      let widths = try reader.integers("feed_forward_length", layerCount: layerCount)
      let layers = without.filter { widths[$0] == 0 }
      return Hyperparameters.Recurrence(
        layers: layers, attentionLayers: Set((0..<layerCount).filter { !without.contains($0) && widths[$0] == 0 }),
        .mamba2(try reader.mamba2(layerCount: layers.count)))
    },
    // The class has an output layer of its own, whatever the configuration says.
    configure: { _, h in h.tiesEmbeddings = false },
    numbers: GraphNumberRules(
      positions: .none, biases: .feedForwardAsConfigured, epsilonName: "layer_norm_epsilon",
      finalNorm: "model.norm_f"),
    modules: { h in
      let attention: [LayerModule] = LayerModule.attention(h, isPermuted: true).map {
        LayerModule(
          name: $0.name.replacing("self_attn", with: "mixer"), inputCount: $0.inputCount,
          outputCount: $0.outputCount, targets: $0.targets, layers: .withAttention)
      }
      let network: [LayerModule] = [
        .linear("mixer.up_proj", h.hiddenSize, h.feedForwardSize, "ffn_up"),
        .linear("mixer.down_proj", h.feedForwardSize, h.hiddenSize, "ffn_down"),
      ]
      return LayerModule.mamba2(h, module: "mixer") + attention + network.map { $0.inLayers(.withoutMixer) }
    },
    layer: { layer in
      let operation: GraphBlock.Operation
      if layer.h.hasAttention(layer.index) {
        operation = try layer.attention()
      } else if layer.h.isRecurrent(layer.index), case .mamba2(let shape)? = layer.h.recurrence?.mixer {
        operation = try layer.mamba2(shape, module: "mixer")
      } else {
        operation = try layer.ungated()
      }
      return GraphLayer(blocks: [layer.block(.stream(layer.norm("attn_norm", "norm")), operation)])
    })

  private enum NemotronKind { case mamba, attention, network, experts }

  /// What each layer is, from a string of letters or a list of names.
  private static func nemotronKinds(_ reader: ConfigurationReader) throws -> [NemotronKind] {
    if try reader.json[optional: "layers_block_type"] == nil, let pattern = try reader.string("hybrid_override_pattern")
    {
      return try pattern.map { letter in
        switch letter {
        case "M": .mamba
        case "*": .attention
        case "-": .network
        case "E": .experts
        default: throw reader.json.error(.outOfRange, "'\(letter)' is not a kind of layer (hybrid_override_pattern)")
        }
      }
    }
    return try (reader.strings("layers_block_type") ?? []).map { name in
      switch name {
      case "mamba", "linear_attention": .mamba
      case "attention", "full_attention": .attention
      case "mlp": .network
      case "moe": .experts
      default: throw reader.json.error(.outOfRange, "'\(name)' is not a kind of layer (layers_block_type)")
      }
    }
  }
}

extension LayerBuilder {
  /// A feed-forward network without a gate.
  func ungated() throws -> GraphBlock.Operation {
    let bias = tables.biases?.feedForward
    return .feedForward(
      .ungated(UngatedNetwork(up: try matrix("ffn_up", hasBias: bias), down: try matrix("ffn_down", hasBias: bias))))
  }
}
