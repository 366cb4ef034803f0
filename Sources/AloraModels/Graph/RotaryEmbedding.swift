internal import AloraTensors

/// The frequencies of a rotary position embedding, as f32, computed the same way on every machine.
///
/// Some models have two sets: one for texts up to the length they were first trained with, one for longer ones.
/// transformers picks the set by the length that a prompt happens to have, and so changes its mind about tokens that it
/// has already seen; here the set belongs to the run: it is chosen once, by the length that the run declares.
package struct RotaryEmbedding: Hashable, Sendable {
  /// Units: radians for each position. As many as there are rotated pairs in a head.
  package let inverseFrequencies: [Float]
  /// For runs declared longer than `originalLength`; nil if there is only one set.
  package let longInverseFrequencies: [Float]?
  /// Units: tokens.
  package let originalLength: Int
  /// Factor of cosines and sines.
  package let scale: Float
  package let layout: Layout

  /// Which elements of a head are rotated together: i of n pairs.
  package enum Layout: Hashable, Sendable {
    /// Elements i and n + i.
    case halves
    /// Elements 2 · i and 2 · i + 1.
    case interleaved
  }

  init(
    inverseFrequencies: [Float], longInverseFrequencies: [Float]? = nil, originalLength: Int = .max, scale: Float = 1,
    layout: Layout = .halves
  ) {
    self.inverseFrequencies = inverseFrequencies
    self.longInverseFrequencies = longInverseFrequencies
    self.originalLength = originalLength
    self.scale = scale
    self.layout = layout
  }

  /// Whether a run of that many tokens takes the second set.
  package func isLong(length: Int) -> Bool { longInverseFrequencies != nil && length > originalLength }

  /// The frequencies for a run of that many tokens.
  package func inverseFrequencies(length: Int) -> [Float] {
    isLong(length: length) ? longInverseFrequencies ?? inverseFrequencies : inverseFrequencies
  }
}

/// The parameters of a rotary embedding, from either kind of file.
///
/// Source: transformers `modeling_rope_utils.py`; llama.cpp `src/llama-context.cpp` (YaRN's attention factor).
struct RotaryDescription {
  enum Kind {
    case plain
    case linear(factor: Double)
    case llama3(factor: Double, lowFrequencyFactor: Double, highFrequencyFactor: Double)
    case yarn(Yarn)
    case longrope(short: [Double], long: [Double], attentionFactor: Double)
    /// Only the first pairs are rotated, with the frequencies of a whole head.
    case proportional(pairCount: Int, factor: Double)
  }
  /// The layers that a description is for, with the theta that a missing one means.
  enum LayerKind {
    case full(theta: Double)
    case windowed(theta: Double)
  }
  struct Yarn: Sendable {
    var factor: Double
    var betaFast = 32.0
    var betaSlow = 1.0
    var attentionFactor: Double
    var truncates = true
  }

  var kind: Kind
  var theta: Double
  /// Rotated elements of a head.
  var dimensionCount: Int
  /// The length that the model was first trained with.
  var originalLength: Int
  /// Divides the frequencies one by one (`rope_freqs.weight` of GGUF); empty for none.
  var divisors: [Float] = []
  var layout = RotaryEmbedding.Layout.halves
  /// llama.cpp's converter divides the frequency of a pair that isn't rotated by this.
  private static let divisorOfUnrotated: Float = 1e30

  var embedding: RotaryEmbedding {
    let pairCount = dimensionCount / 2
    // base ^ (2 i / dimension), rounded as PyTorch rounds it: the exponent and the power to f32.
    let base = Double(Float(theta))
    let powers = (0..<pairCount).map { index in
      Float(ExactMath.pow(base, Double(Float(2 * index) / Float(dimensionCount))))
    }
    func divided(_ factors: [Float]) -> [Float] { zip(powers, factors).map { 1 / ($1 * $0) } }
    var plain = powers.map { 1 / $0 }
    if !divisors.isEmpty { plain = zip(plain, divisors).map { $1 >= Self.divisorOfUnrotated ? 0 : $0 / $1 } }
    func rotary(_ frequencies: [Float], scale: Double = 1) -> RotaryEmbedding {
      RotaryEmbedding(inverseFrequencies: frequencies, scale: Float(scale), layout: layout)
    }
    switch kind {
    case .plain: return rotary(plain)
    case .linear(let factor): return rotary(plain.map { $0 / Float(factor) })
    case .llama3(let factor, let low, let high):
      return rotary(
        plain.map { $0 / llama3Divisor(of: $0, Float(factor), Float(low), Float(high), Float(originalLength)) })
    case .yarn(let yarn): return rotary(yarnFrequencies(powers, yarn), scale: yarn.attentionFactor)
    case .longrope(let short, let long, let attentionFactor):
      return RotaryEmbedding(
        inverseFrequencies: divided(short.map { Float($0) }), longInverseFrequencies: divided(long.map { Float($0) }),
        originalLength: originalLength, scale: Float(attentionFactor), layout: layout)
    case .proportional(let rotatedCount, let factor):
      return rotary(plain.enumerated().map { $0 < rotatedCount ? $1 / Float(factor) : 0 })
    }
  }

  /// What llama.cpp's converter writes as `rope_freqs.weight`, so that both files of a model give the same bits: it divides
  /// by a tensor, which PyTorch does as a product with the reciprocal.
  private func llama3Divisor(
    of frequency: Float, _ factor: Float, _ low: Float, _ high: Float, _ length: Float
  ) -> Float {
    let wavelength = 1 / frequency * Float(2 * Double.pi)
    if wavelength < length / high { return 1 }
    if wavelength > length / low { return factor }
    let smooth = (1 / wavelength * length - low) / (high - low)
    return 1 / ((1 - smooth) / factor + smooth)
  }

  private func yarnFrequencies(_ powers: [Float], _ yarn: Yarn) -> [Float] {
    func correction(_ rotations: Double) -> Double {
      Double(dimensionCount) * ExactMath.log(Double(originalLength) / (rotations * 2 * Double.pi))
        / (2 * ExactMath.log(theta))
    }
    var (low, high) = (correction(yarn.betaFast), correction(yarn.betaSlow))
    if yarn.truncates { (low, high) = (low.rounded(.down), high.rounded(.up)) }
    (low, high) = (max(low, 0), min(high, Double(dimensionCount - 1)))
    if low == high { high += 0.001 }
    return powers.enumerated().map { index, power in
      let ramp = min(max((Float(index) - Float(low)) / Float(high - low), 0), 1)
      let extrapolated = 1 - ramp
      return 1 / (Float(yarn.factor) * power) * (1 - extrapolated) + 1 / power * extrapolated
    }
  }

  /// YaRN's and longrope's attention factors, if none is stated.
  static func yarnAttentionFactor(_ factor: Double, scale: Double = 1) -> Double {
    factor <= 1 ? 1 : 0.1 * scale * ExactMath.log(factor) + 1
  }
  static func longropeAttentionFactor(_ factor: Double, originalLength: Int) -> Double {
    factor <= 1 ? 1 : (1 + ExactMath.log(factor) / ExactMath.log(Double(originalLength))).squareRoot()
  }
}
