/// A gated delta net: each head has a memory of values by keys. A token's decay fades it, and its key's part moves towards the
/// token's value.
///
///     q, k, v = SiLU (convolution of mixed · row), q and k of length 1, q / √(key dimension)
///     y       = delta rule of q, k and v with the decays and σ (beta · row)
///     row     = output · (norm of each head (y) * SiLU (gate · row))
///
/// The decay is e ^ (decay · softplus (alpha · row + stepBias)). Heads of values are in the order of GGUF.
/// Source: transformers `models/qwen3_next/modeling_qwen3_next.py`, `models/qwen3_5/modeling_qwen3_5.py`; the rule is in
/// `alora_kernels.h`.
package struct GatedDelta<Matrix, Vector> {
  /// Queries and keys of all key heads, then the values.
  package var mixed: Matrix
  package var gate: Matrix
  /// For each head of values.
  package var beta: Matrix
  package var alpha: Matrix
  package var output: Matrix
  /// The convolution's weights: [kernel][channels].
  package var convolution: Vector
  /// For each head of values.
  package var stepBias: Vector
  /// Negative, for each head of values.
  package var decay: Vector
  /// On each head.
  package var norm: Norm<Vector>
  package var shape: GatedDeltaShape

  func map<NewMatrix, NewVector>(
    matrix: (Matrix) throws -> NewMatrix, vector: (Vector) throws -> NewVector
  ) rethrows -> GatedDelta<NewMatrix, NewVector> {
    GatedDelta<NewMatrix, NewVector>(
      mixed: try matrix(mixed), gate: try matrix(gate), beta: try matrix(beta), alpha: try matrix(alpha),
      output: try matrix(output), convolution: try vector(convolution), stepBias: try vector(stepBias),
      decay: try vector(decay), norm: try norm.map(vector), shape: shape)
  }
}

/// The numbers of a gated delta net.
package struct GatedDeltaShape: Hashable, Sendable {
  package var keyHeadCount: Int
  package var keyDimension: Int
  package var valueHeadCount: Int
  package var valueDimension: Int
  /// How many rows the convolution sees, the last one included.
  package var kernelSize: Int
  /// Whether heads of values with one key head follow one another; if not, the first ones of all key heads come first, then the
  /// second ones.
  package var isGrouped: Bool
  package var isGated = true
  package var normsBeforeGate = true

  package var keyCount: Int { keyHeadCount * keyDimension }
  package var valueCount: Int { valueHeadCount * valueDimension }
  /// The channels of the convolution: queries, keys and values.
  package var channelCount: Int { 2 * keyCount + valueCount }
  package var valueHeadsPerKey: Int { valueHeadCount / keyHeadCount }

  /// The key head of a head of values.
  package func keyHead(of head: Int) -> Int { isGrouped ? head / valueHeadsPerKey : head % keyHeadCount }
}

extension GatedDeltaShape {
  /// Why these numbers don't go together, or nil. What is checked here bounds every product of them.
  ///
  /// - Parameter layerCount: of the layers with this mixer.
  func objection(layerCount: Int) -> String? {
    let extent = 1...(1 << 16)
    guard extent.contains(keyHeadCount), extent.contains(keyDimension), extent.contains(valueHeadCount),
      extent.contains(valueDimension)
    else {
      return "a delta net of \(valueHeadCount) heads of \(valueDimension) with keys of \(keyDimension) is too large"
    }
    guard (1...32).contains(kernelSize) else { return "a convolution over \(kernelSize) tokens is not supported" }
    guard valueHeadCount.isMultiple(of: keyHeadCount) else {
      return "\(valueHeadCount) heads of values are not a multiple of \(keyHeadCount) heads of keys"
    }
    guard layerCount * (valueCount * keyDimension + channelCount * kernelSize) <= 1 << 28 else {
      return "\(layerCount) delta nets of \(valueCount) values with keys of \(keyDimension) are too large"
    }
    return nil
  }
}

extension GatedDelta: Sendable where Matrix: Sendable, Vector: Sendable {}
