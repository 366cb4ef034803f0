extension LayerBuilder {
  /// A Mamba 2 mixer.
  ///
  /// - Parameter module: what Hugging Face's files call it.
  func mamba2(_ shape: Mamba2Shape, module: String = "mamba") throws -> GraphBlock.Operation {
    func vector(_ gguf: String, _ huggingFace: String, _ extents: Int...) -> GraphVector {
      var vector = GraphVector(
        ggufName: "blk.\(index).\(gguf)", huggingFaceName: "model.layers.\(index).\(module).\(huggingFace)",
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
    var input = try matrix("ssm_in", hasBias: shape.hasProjectionBias)
    // The product is multiplied along with its bias, which the input's number isn't for.
    if let multiplier = h.multipliers?.mambaInput { input.biasMultiplier = Float(1 / multiplier) }
    return .mixer(
      .mamba2(
        Mamba2(
          input: input,
          output: try matrix("ssm_out", hasBias: shape.hasOutputBias ?? shape.hasProjectionBias),
          convolution: convolution,
          convolutionBias: shape.hasConvolutionBias == false ? nil : convolutionBias,
          stepBias: vector("ssm_dt.bias", "dt_bias", shape.headCount), decay: decay,
          skip: vector("ssm_d", "D", shape.headCount), norm: shape.hasNorm ? norm : nil,
          normEpsilon: numbers.normEpsilon, shape: shape)))
  }

  /// This layer's mixer in a model of attention and Mamba 2.
  func attentionOrMamba2() throws -> GraphBlock.Operation {
    guard h.isRecurrent(index), case .mamba2(let shape)? = h.recurrence?.mixer else { return try attention() }
    return try mamba2(shape)
  }
}
