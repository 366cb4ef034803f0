extension Architecture {
  /// Qwen 3-Next: gated delta nets, in every fourth layer attention with a gate and a part of each head rotated, and experts.
  ///
  /// Source: transformers `models/qwen3_next/modeling_qwen3_next.py`, llama.cpp `conversion/qwen.py` (`Qwen3NextModel`).
  static let qwen3Next = Architecture(
    Names(gguf: "qwen3next", family: "Qwen3Next", modelTypes: ["qwen3_next"]),
    defaults: gatedDeltaDefaults(
      vocabularySize: 151_936, hiddenSize: 2048, feedForwardSize: 5632, layerCount: 48, keyValueHeadCount: 2,
      experts: .init(
        count: 512, perToken: 10, feedForwardSize: 512, sharedFeedForwardSize: 512, denseLayers: .sparse)),
    recurrence: { try gatedDelta($0, $1, isGrouped: true) },
    recurrenceOfGGUF: { try gatedDelta($0, layerCount: $1, isGrouped: true) },
    numbers: gatedDeltaNumbers(
      routing: .asConfigured(isNormalizedInGGUF: true, isNormalizedByDefault: true)),
    modules: { h in
      var modules = gatedAttentionModules(h) + LayerModule.routedFeedForward(h) + LayerModule.sharedExpert(h)
      guard case .gatedDelta(let shape)? = h.recurrence?.mixer else { return modules }
      let joint = LayerModule(
        name: "linear_attn.in_proj_qkvz", inputCount: h.hiddenSize, outputCount: shape.channelCount + shape.valueCount,
        targets: [("attn_qkv", shape.jointMixedOrder), ("attn_gate", shape.jointGateOrder)].map { tensor, order in
          LayerModule.Target(
            tensor: tensor, rows: 0..<(shape.channelCount + shape.valueCount),
            permutation: order.map { .order($0) } ?? .none)
        })
      modules += [
        joint.inLayers(.recurrent),
        .linear("linear_attn.in_proj_ba", h.hiddenSize, 2 * shape.valueHeadCount, "ssm_ba").inLayers(.recurrent),
        .linear("linear_attn.out_proj", shape.valueCount, h.hiddenSize, "ssm_out").inLayers(.recurrent),
      ]
      return modules
    },
    layer: { layer in try layer.gatedDeltaLayer(layer.routedFeedForward(), hasJointGates: true) })
}

/// What Qwen 3-Next and Qwen 3.5 have in common.
extension Architecture {
  static func gatedDeltaDefaults(
    vocabularySize: Int, hiddenSize: Int, feedForwardSize: Int = 0, layerCount: Int, keyValueHeadCount: Int,
    experts: ConfigurationDefaults.ExpertDefaults? = nil
  ) -> ConfigurationDefaults {
    ConfigurationDefaults(
      vocabularySize: vocabularySize, hiddenSize: hiddenSize, feedForwardSize: feedForwardSize,
      layerCount: layerCount, headCount: 16, keyValueHeadCount: keyValueHeadCount, headDimension: 256,
      contextLength: 32768, partialRotaryFactor: 0.25, experts: experts)
  }

  static func gatedDeltaNumbers(routing: GraphNumberRules.Routing = .softmaxOfChosen) -> GraphNumberRules {
    GraphNumberRules(positions: .partial, biases: .asConfigured, routing: routing, normOffset: 1)
  }

  /// The layers and numbers of a configuration.
  static func gatedDelta(
    _ reader: ConfigurationReader, _ h: Hyperparameters, isGrouped: Bool
  ) throws -> Hyperparameters.Recurrence? {
    let kinds = try reader.layerKinds(h.layerCount)
    let interval = max(1, try reader.integer("full_attention_interval", default: 4))
    let layers = Set(
      (0..<h.layerCount).filter { index in
        kinds.map { $0[index] == "linear_attention" } ?? !(index + 1).isMultiple(of: interval)
      })
    let shape = GatedDeltaShape(
      keyHeadCount: try reader.integer("linear_num_key_heads", default: 16),
      keyDimension: try reader.integer("linear_key_head_dim", default: 128),
      valueHeadCount: try reader.integer("linear_num_value_heads", default: 32),
      valueDimension: try reader.integer("linear_value_head_dim", default: 128),
      kernelSize: try reader.integer("linear_conv_kernel_dim", default: 4), isGrouped: isGrouped)
    guard !layers.isEmpty else { return nil }
    try reader.check(shape.objection(layerCount: layers.count))
    return Hyperparameters.Recurrence(layers: layers, .gatedDelta(shape))
  }

  /// The same of a GGUF.
  ///
  /// Source: llama.cpp `src/models/qwen3next.cpp`, `src/models/qwen35.cpp`.
  static func gatedDelta(
    _ reader: GGUFReader, layerCount: Int, isGrouped: Bool
  ) throws -> Hyperparameters.Recurrence? {
    let flags = try reader.flags("attention.recurrent_layers", layerCount: layerCount)
    let interval = max(1, try reader.integer("full_attention_interval", default: 4))
    let layers = Set(
      (0..<layerCount).filter { index in flags.map { $0[index] } ?? !(index + 1).isMultiple(of: interval) })
    guard !layers.isEmpty else { return nil }
    let (inner, heads) = (try reader.stated("ssm.inner_size"), try reader.stated("ssm.time_step_rank"))
    let shape = GatedDeltaShape(
      keyHeadCount: try reader.stated("ssm.group_count"), keyDimension: try reader.stated("ssm.state_size"),
      valueHeadCount: heads, valueDimension: inner / heads, kernelSize: try reader.stated("ssm.conv_kernel"),
      isGrouped: isGrouped)
    let isWhole = shape.valueCount == inner
    try reader.check(
      shape.objection(layerCount: layers.count)
        ?? (isWhole ? nil : "\(inner) values are not a multiple of \(heads) heads"), "ssm.inner_size")
    return Hyperparameters.Recurrence(layers: layers, .gatedDelta(shape))
  }

  /// Attention whose queries are followed by gates, head by head.
  static func gatedAttentionModules(_ h: Hyperparameters) -> [LayerModule] {
    let q = h.queryRowCount
    let modules: [LayerModule] = [
      .linear("self_attn.q_proj", h.hiddenSize, 2 * q, "attn_q"),
      .linear("self_attn.k_proj", h.hiddenSize, h.keyValueRowCount, "attn_k"),
      .linear("self_attn.v_proj", h.hiddenSize, h.keyValueRowCount, "attn_v"),
      .linear("self_attn.o_proj", q, h.hiddenSize, "attn_output"),
    ]
    return modules.map { $0.inLayers(.withAttention) }
  }
}

extension LayerBuilder {
  func gatedDeltaLayer(_ network: GraphBlock.Operation, hasJointGates: Bool) throws -> GraphLayer {
    let mixer: GraphBlock.Operation
    if h.isRecurrent(index), case .gatedDelta(let shape)? = h.recurrence?.mixer {
      mixer = try gatedDelta(shape, hasJointGates: hasJointGates)
    } else {
      mixer = try attention(headNorms: .perHead, hasGate: true)
    }
    return GraphLayer(blocks: [
      block(.stream(norm("attn_norm", "input_layernorm")), mixer),
      block(.stream(norm("post_attention_norm", "post_attention_layernorm")), network),
    ])
  }
}
