/// How well hypotheses explain a server's answers to a few prompts.
///
/// For each prompt, a hypothesis predicts the log-probabilities of the tokens that the server named; its residual is the
/// root of the mean of the squared differences. Over prompts, squares are averaged. A server that computes with rounded
/// activations never fits exactly; the noise is how far its base answers are from the reference.
///
/// A hypothesis is excluded if its mean square exceeds the best one's by 9 σ² / n, for n prompts: a likelihood ratio of three
/// standard deviations. Each prompt counts as one observation, although it has dozens of tokens, because the errors of one
/// prompt's tokens are correlated.
package struct EngineFit: Hashable, Sendable {
  package struct Entry: Hashable, Sendable {
    package let hypothesis: EngineHypothesis
    /// For each prompt. Units: nats.
    package let residuals: [Double]
    /// Over all prompts. Units: nats.
    package var residual: Double { meanSquare.squareRoot() }
    var meanSquare: Double { residuals.reduce(0) { $0 + $1 * $1 } / Double(max(1, residuals.count)) }

    package init(_ hypothesis: EngineHypothesis, residuals: [Double]) {
      self.hypothesis = hypothesis
      self.residuals = residuals
    }
  }

  /// The smallest noise to expect: float32 sums in another order, printed and read back.
  static let noiseFloor = 0.002
  /// The best hypothesis may be off by this many times the noise.
  static let tolerance = 3.0

  /// From the best to the worst.
  package let entries: [Entry]
  /// Units: nats.
  package let noise: Double

  package init(_ entries: [Entry], noise: Double) {
    // Equal ones stay in the order given.
    self.entries = entries.enumerated().sorted {
      ($0.element.meanSquare, $0.offset) < ($1.element.meanSquare, $1.offset)
    }.map(\.element)
    self.noise = max(noise, Self.noiseFloor)
  }

  package var best: Entry? { entries.first }
  package var second: Entry? { entries.dropFirst().first }

  /// Whether the best hypothesis explains the answers up to noise.
  package var isExplained: Bool { best.map { $0.residual <= Self.tolerance * noise } ?? false }

  /// The hypotheses that the answers can't distinguish from the best one, which comes first.
  package var compatible: [EngineHypothesis] {
    guard let best else { return [] }
    let allowance = 9 * noise * noise / Double(max(1, best.residuals.count))
    return entries.filter { $0.meanSquare - best.meanSquare < allowance }.map(\.hypothesis)
  }
}
