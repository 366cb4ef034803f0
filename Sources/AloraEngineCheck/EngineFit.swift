/// How well hypotheses explain what a server answered to a few prompts.
///
/// For each prompt, a hypothesis predicts the log-probabilities of the tokens that the server named; its residual is the
/// root of the mean of the squared differences. Over prompts, squares are averaged. A server that computes with rounded
/// activations never fits exactly; the noise is what it differs from the reference by where no adapter is asked for.
///
/// A hypothesis is excluded when its mean square exceeds the best one's by 9 σ² / n, n prompts: a likelihood ratio of three
/// standard deviations, with each prompt counted as one observation, though it has dozens of tokens, because the errors of
/// one prompt's tokens go together.
public struct EngineFit: Hashable, Sendable {
  public struct Entry: Hashable, Sendable {
    public let hypothesis: EngineHypothesis
    /// For each prompt. Units: nats.
    public let residuals: [Double]
    /// Over all prompts. Units: nats.
    public var residual: Double { meanSquare.squareRoot() }
    var meanSquare: Double { residuals.reduce(0) { $0 + $1 * $1 } / Double(max(1, residuals.count)) }

    public init(_ hypothesis: EngineHypothesis, residuals: [Double]) {
      self.hypothesis = hypothesis
      self.residuals = residuals
    }
  }

  /// Below this, no server is expected to agree: float32 sums in other orders, printed and read back.
  static let noiseFloor = 0.002
  /// How many times the noise the best hypothesis may be off.
  static let tolerance = 3.0

  /// From the best to the worst.
  public let entries: [Entry]
  /// Units: nats.
  public let noise: Double

  public init(_ entries: [Entry], noise: Double) {
    // Of equal ones, the one named first.
    self.entries = entries.enumerated().sorted {
      ($0.element.meanSquare, $0.offset) < ($1.element.meanSquare, $1.offset)
    }.map(\.element)
    self.noise = max(noise, Self.noiseFloor)
  }

  public var best: Entry? { entries.first }
  public var second: Entry? { entries.dropFirst().first }

  /// Whether the best hypothesis explains the answers up to noise.
  public var isExplained: Bool { best.map { $0.residual <= Self.tolerance * noise } ?? false }

  /// Those that the answers do not tell apart from the best, which comes first.
  public var compatible: [EngineHypothesis] {
    guard let best else { return [] }
    let allowance = 9 * noise * noise / Double(max(1, best.residuals.count))
    return entries.filter { $0.meanSquare - best.meanSquare < allowance }.map(\.hypothesis)
  }
}
