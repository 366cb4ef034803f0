extension LayerBuilder {
  /// A short convolution, as `conv` in Hugging Face's files.
  func shortConvolution(_ shape: ShortConvolutionShape) throws -> GraphBlock.Operation {
    func vector(_ name: String, _ extents: Int...) -> GraphVector {
      var vector = GraphVector(
        ggufName: "blk.\(index).shortconv.conv.\(name)", huggingFaceName: "model.layers.\(index).conv.conv.\(name)",
        count: extents.reduce(1, *))
      vector.extents = extents
      return vector
    }
    var convolution = vector("weight", shape.channelCount, shape.kernelSize)
    convolution.form = .transposed(rowCount: shape.kernelSize)
    var bias = vector("bias", shape.channelCount)
    bias.isOptional = shape.hasBias == nil
    return .mixer(
      .shortConvolution(
        ShortConvolution(
          input: try matrix("shortconv.in_proj", hasBias: shape.hasBias),
          output: try matrix("shortconv.out_proj", hasBias: shape.hasBias), convolution: convolution,
          convolutionBias: shape.hasBias == false ? nil : bias, shape: shape)))
  }
}
