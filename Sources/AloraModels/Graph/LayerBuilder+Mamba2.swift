extension LayerBuilder {
  /// A Mamba 2 mixer, as `mamba` in Hugging Face's files.
  func mamba2(_ shape: Mamba2Shape) throws -> GraphBlock.Operation {
    func vector(_ gguf: String, _ huggingFace: String, _ extents: Int...) -> GraphVector {
      var vector = GraphVector(
        ggufName: "blk.\(index).\(gguf)", huggingFaceName: "model.layers.\(index).mamba.\(huggingFace)",
        count: extents.reduce(1, *))
      vector.extents = extents
      return vector
    }
    var convolution = vector("ssm_conv1d.weight", "conv1d.weight", shape.channelCount, shape.kernelSize)
    convolution.form = .transposed(rowCount: shape.kernelSize)
    var convolutionBias = vector("ssm_conv1d.bias", "conv1d.bias", shape.channelCount)
    convolutionBias.isOptional = shape.hasConvolutionBias == nil
    var decay = vector("ssm_a", "A_log", shape.headCount)
    decay.form = .negativeExponential
    var norm = vector("ssm_norm.weight", "norm.weight", shape.innerCount)
    norm.ggufExtents = [shape.groupCount, shape.innerCount / shape.groupCount]
    return .mixer(
      .mamba2(
        Mamba2(
          input: try matrix("ssm_in", hasBias: shape.hasProjectionBias),
          output: try matrix("ssm_out", hasBias: shape.hasProjectionBias), convolution: convolution,
          convolutionBias: shape.hasConvolutionBias == false ? nil : convolutionBias,
          stepBias: vector("ssm_dt.bias", "dt_bias", shape.headCount), decay: decay,
          skip: vector("ssm_d", "D", shape.headCount), norm: norm, normEpsilon: numbers.normEpsilon, shape: shape)))
  }

  /// This layer's mixer in a model of attention and Mamba 2.
  func attentionOrMamba2() throws -> GraphBlock.Operation {
    guard h.isRecurrent(index), let shape = h.recurrence?.mamba2 else { return try attention() }
    return try mamba2(shape)
  }
}
