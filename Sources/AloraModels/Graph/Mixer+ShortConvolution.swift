/// A short convolution between two gates.
///
///     B, C, x = input · row
///     row     = output · (C * convolution of (B * x))
///
/// Source: transformers `models/lfm2/modeling_lfm2.py` (`Lfm2ShortConv`).
package struct ShortConvolution<Matrix, Vector> {
  package var input: Matrix
  package var output: Matrix
  /// The convolution's weights: [kernel][channels].
  package var convolution: Vector
  /// Nil for none.
  package var convolutionBias: Vector?
  package var shape: ShortConvolutionShape

  func map<NewMatrix, NewVector>(
    matrix: (Matrix) throws -> NewMatrix, vector: (Vector) throws -> NewVector
  ) rethrows -> ShortConvolution<NewMatrix, NewVector> {
    ShortConvolution<NewMatrix, NewVector>(
      input: try matrix(input), output: try matrix(output), convolution: try vector(convolution),
      convolutionBias: try convolutionBias.map(vector), shape: shape)
  }
}

/// The numbers of a short convolution.
package struct ShortConvolutionShape: Hashable, Sendable {
  /// As many as the stream has.
  package var channelCount: Int
  /// How many rows the convolution sees, the last one included.
  package var kernelSize: Int
  /// Whether the convolution and both projections have biases; nil if the tensors decide.
  package var hasBias: Bool?
  /// Whether C multiplies the output.
  package var isGated = true
}

extension ShortConvolutionShape {
  /// Why these numbers can't be used, or nil. What is checked here bounds every product of them.
  ///
  /// - Parameter layerCount: of the layers with this mixer.
  func objection(layerCount: Int) -> String? {
    guard (1...32).contains(kernelSize) else { return "a convolution over \(kernelSize) tokens is not supported" }
    guard layerCount * channelCount * kernelSize <= 1 << 28 else {
      return "\(layerCount) convolutions of \(channelCount) channels are too large"
    }
    return nil
  }
}

extension ShortConvolution: Sendable where Matrix: Sendable, Vector: Sendable {}
