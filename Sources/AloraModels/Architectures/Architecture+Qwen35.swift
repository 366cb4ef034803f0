extension Architecture {
  /// The text part of Qwen 3.5, dense: as Qwen 3-Next, with projections of their own. Text alone has the same position in all
  /// three parts of its rotary embedding.
  ///
  /// Source: transformers `models/qwen3_5/modeling_qwen3_5.py`, llama.cpp `conversion/qwen.py` (`Qwen3_5TextModel`).
  static let qwen35 = Architecture(
    Names(
      gguf: "qwen35", family: "Qwen3_5", modelTypes: ["qwen3_5_text", "qwen3_5"],
      wrappers: ["Qwen3_5ForConditionalGeneration"]),
    defaults: gatedDeltaDefaults(
      vocabularySize: 248_320, hiddenSize: 4096, feedForwardSize: 12288, layerCount: 32, keyValueHeadCount: 4),
    recurrence: { try gatedDelta($0, $1, isGrouped: false) },
    recurrenceOfGGUF: { try gatedDelta($0, layerCount: $1, isGrouped: false) },
    numbers: gatedDeltaNumbers(),
    modules: { h in gatedAttentionModules(h) + gatedDeltaModules(h) + LayerModule.gatedFeedForward(h) },
    layer: { layer in try layer.gatedDeltaLayer(layer.gated(), hasJointGates: false) })

  /// The same with experts.
  ///
  /// Source: transformers `models/qwen3_5_moe/modeling_qwen3_5_moe.py`.
  static let qwen35Moe = Architecture(
    Names(
      gguf: "qwen35moe", family: "Qwen3_5Moe", modelTypes: ["qwen3_5_moe_text", "qwen3_5_moe"],
      wrappers: ["Qwen3_5MoeForConditionalGeneration"]),
    defaults: gatedDeltaDefaults(
      vocabularySize: 248_320, hiddenSize: 2048, layerCount: 40, keyValueHeadCount: 2,
      experts: .init(count: 256, perToken: 8, feedForwardSize: 512, sharedFeedForwardSize: 512)),
    recurrence: { try gatedDelta($0, $1, isGrouped: false) },
    recurrenceOfGGUF: { try gatedDelta($0, layerCount: $1, isGrouped: false) },
    numbers: gatedDeltaNumbers(),
    modules: { h in
      gatedAttentionModules(h) + gatedDeltaModules(h) + LayerModule.routedFeedForward(h) + LayerModule.sharedExpert(h)
    },
    layer: { layer in try layer.gatedDeltaLayer(layer.routedFeedForward(), hasJointGates: false) })

  /// The projections of a delta net, whose heads of values GGUF orders otherwise.
  private static func gatedDeltaModules(_ h: Hyperparameters) -> [LayerModule] {
    guard case .gatedDelta(let shape)? = h.recurrence?.mixer else { return [] }
    func permutation(_ order: ElementOrder?) -> RowPermutation { order.map { .order($0) } ?? .none }
    var output = LayerModule.linear("linear_attn.out_proj", shape.valueCount, h.hiddenSize, "ssm_out")
    output.targets[0].columns = permutation(shape.valueOrder)
    let heads = permutation(shape.headOrder)
    let modules: [LayerModule] = [
      .linear(
        "linear_attn.in_proj_qkv", h.hiddenSize, shape.channelCount, "attn_qkv", permutation(shape.mixedOrder)),
      .linear(
        "linear_attn.in_proj_z", h.hiddenSize, shape.valueCount, "attn_gate", permutation(shape.valueOrder)),
      .linear("linear_attn.in_proj_b", h.hiddenSize, shape.valueHeadCount, "ssm_beta", heads),
      .linear("linear_attn.in_proj_a", h.hiddenSize, shape.valueHeadCount, "ssm_alpha", heads),
      output,
    ]
    return modules.map { $0.inLayers(.recurrent) }
  }
}
