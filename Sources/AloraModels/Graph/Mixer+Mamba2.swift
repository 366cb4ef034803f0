/// Mamba 2: a short convolution, then a state for each channel that decays and grows token by token, then a gated norm.
///
///     z, xBC, dt = input · row
///     x, B, C    = SiLU (convolution of xBC)
///     y          = scan of x with B, C and the time steps softplus (dt + stepBias)
///     row        = output · norm (y * SiLU (z))     or norm (y) * SiLU (z), or without a norm
///
/// Source: transformers `models/mamba2/modeling_mamba2.py`; the scan is in `alora_kernels.h`.
package struct Mamba2<Matrix, Vector> {
  package var input: Matrix
  package var output: Matrix
  /// The convolution's weights: [kernel][channels].
  package var convolution: Vector
  /// Nil for none.
  package var convolutionBias: Vector?
  /// For each head.
  package var stepBias: Vector
  /// What a time step is multiplied by to get the logarithm of the state's decay, for each head; negative.
  package var decay: Vector
  /// The part of the input that goes straight to the output, for each head.
  package var skip: Vector
  /// Of all groups; each is normed by itself. Nil for none.
  package var norm: Vector?
  package var normEpsilon: Float
  package var shape: Mamba2Shape

  func map<NewMatrix, NewVector>(
    matrix: (Matrix) throws -> NewMatrix, vector: (Vector) throws -> NewVector
  ) rethrows -> Mamba2<NewMatrix, NewVector> {
    Mamba2<NewMatrix, NewVector>(
      input: try matrix(input), output: try matrix(output), convolution: try vector(convolution),
      convolutionBias: try convolutionBias.map(vector), stepBias: try vector(stepBias), decay: try vector(decay),
      skip: try vector(skip), norm: try norm.map(vector), normEpsilon: normEpsilon, shape: shape)
  }
}

/// The numbers of a Mamba 2 mixer.
package struct Mamba2Shape: Hashable, Sendable {
  package var headCount: Int
  package var headDimension: Int
  /// Heads of one group share B and C, and the norm.
  package var groupCount: Int
  /// The elements of each channel's state.
  package var stateSize: Int
  /// How many rows the convolution sees, the last one included.
  package var kernelSize: Int
  /// Time steps are kept within these.
  package var stepLimits: ClosedRange<Float> = 0...Float.infinity
  /// Whether the model has these; nil if its tensors decide.
  package var hasConvolutionBias: Bool?
  package var hasProjectionBias: Bool?
  package var hasOutputBias: Bool?
  package var hasNorm = true
  /// Whether the norm comes before the gate.
  package var normsBeforeGate = false
  package var isGated = true
  /// What the parts of the projected row are multiplied by; nil for 1.
  package var multipliers: Mamba2Multipliers?

  /// The channels of all heads.
  package var innerCount: Int { headCount * headDimension }
  /// The channels of the convolution: all heads' and, for each group, B and C.
  package var channelCount: Int { innerCount + 2 * groupCount * stateSize }
  /// The rows of the input projection.
  package var projectedCount: Int { innerCount + channelCount + headCount }
}

/// What some models multiply the parts of a projected row by.
package struct Mamba2Multipliers: Hashable, Sendable {
  package var gate: Float
  package var x: Float
  package var b: Float
  package var c: Float
  package var step: Float
}

extension Mamba2Shape {
  /// The parts of a projected row, each with what it is multiplied by.
  package var multipliedParts: [(columns: Range<Int>, factor: Float)] {
    guard let multipliers else { return [] }
    let group = groupCount * stateSize
    var parts: [(columns: Range<Int>, factor: Float)] = []
    var first = 0
    for (count, factor) in [
      (innerCount, multipliers.gate), (innerCount, multipliers.x), (group, multipliers.b), (group, multipliers.c),
      (headCount, multipliers.step),
    ] {
      if factor != 1 { parts.append((first..<(first + count), factor)) }
      first += count
    }
    return parts
  }

  /// Why these numbers don't go together, or nil. What is checked here bounds every product of them.
  ///
  /// - Parameter layerCount: of the layers with this mixer.
  func objection(layerCount: Int) -> String? {
    let extent = 1...(1 << 16)
    guard extent.contains(headCount), extent.contains(headDimension), extent.contains(groupCount),
      extent.contains(stateSize)
    else { return "a Mamba layer of \(headCount) heads of \(headDimension) with \(stateSize) states is too large" }
    guard (1...32).contains(kernelSize) else { return "a convolution over \(kernelSize) tokens is not supported" }
    guard headCount.isMultiple(of: groupCount) else {
      return "\(headCount) Mamba heads are not a multiple of \(groupCount) groups"
    }
    // A sequence holds the states of all layers, and a file must not choose how much memory that is: 1 GiB at most.
    guard layerCount * (innerCount * stateSize + channelCount * kernelSize) <= 1 << 28 else {
      return "\(layerCount) Mamba layers of \(innerCount) channels with \(stateSize) states each are too large"
    }
    return nil
  }
}

extension Mamba2: Sendable where Matrix: Sendable, Vector: Sendable {}
