extension LayerBuilder {
  /// A gated delta net, as `linear_attn` in Hugging Face's files.
  ///
  /// - Parameter hasJointGates: whether beta and alpha are one tensor, key head by key head.
  func gatedDelta(_ shape: GatedDeltaShape, hasJointGates: Bool) throws -> GraphBlock.Operation {
    func vector(_ gguf: String, _ huggingFace: String, _ extents: Int..., order: ElementOrder? = nil) -> GraphVector {
      var vector = GraphVector(
        ggufName: "blk.\(index).\(gguf)", huggingFaceName: "model.layers.\(index).linear_attn.\(huggingFace)",
        count: extents.reduce(1, *))
      vector.extents = extents
      vector.order = order
      return vector
    }
    var convolution = vector(
      "ssm_conv1d.weight", "conv1d.weight", shape.channelCount, shape.kernelSize, order: shape.mixedOrder)
    convolution.form = .transposed(rowCount: shape.kernelSize)
    var decay = vector("ssm_a", "A_log", shape.valueHeadCount, order: shape.headOrder)
    decay.form = .negativeExponential
    /// Beta, or alpha.
    func gate(_ name: String, _ part: Int) throws -> GraphMatrix {
      guard hasJointGates else { return try matrix(name, hasBias: false) }
      let group = shape.valueHeadsPerKey
      return try matrix(
        "ssm_ba",
        order: ElementOrder(
          [(part * group, [(shape.keyHeadCount, 2 * group), (group, 1)])], extent: 2 * shape.valueHeadCount),
        hasBias: false)
    }
    var norm = norm("ssm_norm", "linear_attn.norm", count: shape.valueDimension)
    norm.weight = vector("ssm_norm.weight", "norm.weight", shape.valueDimension)
    return .mixer(
      .gatedDelta(
        GatedDelta(
          mixed: try matrix("attn_qkv", hasBias: false), gate: try matrix("attn_gate", hasBias: false),
          beta: try gate("ssm_beta", 0), alpha: try gate("ssm_alpha", 1),
          output: try matrix("ssm_out", hasBias: false), convolution: convolution,
          stepBias: vector("ssm_dt.bias", "dt_bias", shape.valueHeadCount, order: shape.headOrder), decay: decay,
          norm: norm, shape: shape)))
  }
}

/// The order of GGUF's rows in Hugging Face's files; nil for the same.
///
/// Source: llama.cpp `conversion/qwen.py` (`_LinearAttentionVReorderBase`, `Qwen3NextModel`).
extension GatedDeltaShape {
  /// Of the heads of values, which Hugging Face's files always group by key heads.
  var headOrder: ElementOrder? { valueOrder(dimension: 1) }
  /// Of their rows.
  var valueOrder: ElementOrder? { valueOrder(dimension: valueDimension) }

  private var isTiled: Bool { !isGrouped && valueHeadsPerKey > 1 }

  private func valueOrder(dimension: Int) -> ElementOrder? {
    isTiled ? ElementOrder([tiles(from: 0, dimension: dimension)], extent: valueHeadCount * dimension) : nil
  }

  private func tiles(from start: Int, dimension: Int) -> (start: Int, loops: [(count: Int, stride: Int)]) {
    (
      start,
      [(valueHeadsPerKey, dimension), (keyHeadCount, valueHeadsPerKey * dimension), (dimension, 1)]
    )
  }

  /// Of queries, keys and values.
  var mixedOrder: ElementOrder? {
    isTiled
      ? ElementOrder(
        [(0, [(2 * keyCount, 1)]), tiles(from: 2 * keyCount, dimension: valueDimension)], extent: channelCount) : nil
  }

  /// Of queries, keys and values in rows that are q, k, v and a gate for each key head.
  var jointMixedOrder: ElementOrder? {
    let (d, values) = (keyDimension, valueHeadsPerKey * valueDimension)
    let width = 2 * d + 2 * values
    return ElementOrder(
      [
        (0, [(keyHeadCount, width), (d, 1)]), (d, [(keyHeadCount, width), (d, 1)]),
        (2 * d, [(keyHeadCount, width), (values, 1)]),
      ], extent: keyHeadCount * width)
  }

  /// Of the gates in such rows.
  var jointGateOrder: ElementOrder? {
    let (d, values) = (keyDimension, valueHeadsPerKey * valueDimension)
    let width = 2 * d + 2 * values
    return ElementOrder([(2 * d + values, [(keyHeadCount, width), (values, 1)])], extent: keyHeadCount * width)
  }
}
