package import AloraSchemas
internal import AloraTensors

/// The rules for choosing the next token.
package struct SamplingOptions: Hashable, Sendable {
  /// 0: the largest logit; if several are equal, the lowest token.
  package var temperature: Double
  /// The number of most probable tokens to choose from; nil: all.
  package var topCount: Int?
  /// Only the smallest set of most probable tokens that together reach this probability; nil: all.
  package var topProbability: Double?
  /// Only tokens at least this many times as probable as the most probable one; nil: all.
  package var minimumProbability: Double?

  package init(
    temperature: Double = 0, topCount: Int? = nil, topProbability: Double? = nil, minimumProbability: Double? = nil
  ) {
    self.temperature = temperature
    self.topCount = topCount
    self.topProbability = topProbability
    self.minimumProbability = minimumProbability
  }

  package static let greedy = SamplingOptions()
}

/// SplitMix64: the same numbers from the same seed on every machine.
///
/// Source: Steele, Lea, Flood, "Fast splittable pseudorandom number generators" (2014).
package struct SeededGenerator: RandomNumberGenerator, Sendable {
  private var state: UInt64

  package init(seed: UInt64) { state = seed }

  package mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }

  /// A number from 0 up to, but not including, 1, of 53 bits.
  mutating func unit() -> Double { Double(next() >> 11) * 0x1p-53 }
}

/// A chosen token, and how close the choice was.
package struct SampledToken: Hashable, Sendable {
  package let token: Int
  /// The tokens with the two largest logits. Greedy choice takes the first.
  package let top: [Int]
  /// The difference of the two largest logits.
  package let margin: Float
}

/// Chooses tokens from logits, by rules that give the same choice on every machine.
///
/// The rules apply in the order of transformers: temperature, then top-k, top-p and min-p, each applied to the
/// softmax over the tokens that the rule before it left. Tokens are sorted by descending logit, equal ones by ascending
/// number. Sums run in this order, in f64, with this project's own exponential.
/// Source: `generation/logits_process.py` of transformers.
package struct Sampler: Sendable {
  package let options: SamplingOptions
  private var generator: SeededGenerator
  private var schema: SchemaText?

  /// - Parameter schema: what ``next(_:)`` keeps the text to; nil: anything.
  package init(_ options: SamplingOptions, seed: UInt64 = 0, schema: SchemaText? = nil) {
    self.options = options
    self.schema = schema
    generator = SeededGenerator(seed: seed)
  }

  /// Chooses the next token, among those that the schema allows, and says whether the text can go on after it.
  ///
  /// - Throws: ``SchemaError``.
  package mutating func next(
    _ logits: ArraySlice<Float>
  ) throws(SchemaError) -> (choice: SampledToken, goesOn: Bool) {
    guard let mask = schema?.mask else { return (sample(logits), true) }
    guard let choice = sample(logits, allowed: mask) else { throw .vocabularyTooSmall }
    return (choice, try schema?.advance(choice.token) ?? true)
  }

  /// Chooses the next token. Each choice draws one random number, except greedy choices, which draw none.
  ///
  /// - Parameter logits: one for each token of the vocabulary, at least one. NaN counts as minus infinity.
  package mutating func sample(_ logits: ArraySlice<Float>) -> SampledToken {
    let (first, second) = Self.topTwo(logits)
    let margin = Self.value(logits, first) - Self.value(logits, second)
    let token = options.temperature > 0 ? draw(logits, greatest: Self.value(logits, first)) : first
    return SampledToken(token: token, top: [first, second], margin: margin)
  }

  /// The next token among those that a mask allows; the logits of the others don't count.
  ///
  /// - Returns: nil if the mask has none of the logits' tokens.
  package mutating func sample(_ logits: ArraySlice<Float>, allowed mask: TokenMask) -> SampledToken? {
    var (tokens, values): ([Int], [Float]) = ([], [])
    for token in 0..<logits.count where mask.contains(token) {
      tokens.append(token)
      values.append(logits[logits.startIndex + token])
    }
    guard !tokens.isEmpty else { return nil }
    let choice = sample(values[...])
    return SampledToken(token: tokens[choice.token], top: choice.top.map { tokens[$0] }, margin: choice.margin)
  }

  private static func value(_ logits: ArraySlice<Float>, _ token: Int) -> Float {
    let value = logits[logits.startIndex + token]
    return value.isNaN ? -.infinity : value
  }

  private static func topTwo(_ logits: ArraySlice<Float>) -> (Int, Int) {
    var (first, second) = (0, min(1, logits.count - 1))
    if value(logits, second) > value(logits, first) { swap(&first, &second) }
    var (greatest, next) = (value(logits, first), value(logits, second))
    var token = 1
    for logit in logits.dropFirst(2) {
      token += 1
      // Almost always, and always for NaN.
      guard logit > next else { continue }
      if logit > greatest {
        (first, second, greatest, next) = (token, first, logit, greatest)
      } else {
        (second, next) = (token, logit)
      }
    }
    return (first, second)
  }

  /// The remaining candidates, by descending weight. Weights are proportional to probabilities.
  func candidates(_ logits: ArraySlice<Float>, greatest: Float) -> [(token: Int, weight: Double)] {
    var candidates = (0..<logits.count).map { token in
      // Without this, one infinite logit would make every weight a NaN.
      let value = Self.value(logits, token)
      let distance = value == greatest ? 0 : Double(value) - Double(greatest)
      return (token: token, weight: ExactMath.exp(max(-745, distance / options.temperature)))
    }
    candidates.sort { $0.weight != $1.weight ? $0.weight > $1.weight : $0.token < $1.token }
    if let count = options.topCount, count < candidates.count { candidates.removeSubrange(max(1, count)...) }
    if let limit = options.topProbability {
      let bound = limit * candidates.reduce(0) { $0 + $1.weight }
      var sum = 0.0
      let count = candidates.prefix { candidate in
        defer { sum += candidate.weight }
        return sum < bound
      }.count
      candidates.removeSubrange(max(1, count)...)
    }
    if let part = options.minimumProbability {
      let bound = part * candidates[0].weight
      candidates.removeSubrange(max(1, candidates.prefix { $0.weight >= bound }.count)...)
    }
    return candidates
  }

  private mutating func draw(_ logits: ArraySlice<Float>, greatest: Float) -> Int {
    let candidates = candidates(logits, greatest: greatest)
    var rest = generator.unit() * candidates.reduce(0) { $0 + $1.weight }
    for candidate in candidates {
      rest -= candidate.weight
      if rest < 0 { return candidate.token }
    }
    return candidates[candidates.count - 1].token
  }
}
