internal import AloraInference

/// How far one row of logits is from another.
public struct RowComparison: Hashable, Sendable {
  /// Infinite where one of both has NaN and the other not the same bits.
  public let largestDelta: Double
  /// The token at which they differ most.
  public let token: Int
  /// Where they differ most: expected and found.
  public let expected: Float
  public let found: Float
  /// The greatest magnitude among the expected logits.
  public let magnitude: Double
  /// The divergence of what was found from what is expected. 0 for equal rows; infinite where one is no distribution.
  ///
  /// Units: nats.
  public let divergence: Double
  /// The token that is expected to be likeliest; of equals, the first.
  public let expectedTop: Int
  /// The place of that token among those found, the likeliest having 1; it shares it with those equal to it. NaN is behind all.
  public let rankOfExpectedTop: Int
  /// Whether both have their greatest logit at the same token.
  public let isSameTop: Bool

  /// Shape: both `[V]`, V at least 1.
  public init(expected: [Float], found: [Float]) {
    var (delta, token, at) = (-1.0, 0, (Float(0), Float(0)))
    var magnitude = 0.0
    var (topExpected, topFound) = ((-Float.infinity, 0), (-Float.infinity, 0))
    var foundAtTop = found.first ?? .nan
    for (index, (left, right)) in zip(expected, found).enumerated() {
      let difference = Self.difference(left, right)
      if difference > delta { (delta, token, at) = (difference, index, (left, right)) }
      magnitude = max(magnitude, abs(Double(left)))
      if left > topExpected.0 { (topExpected, foundAtTop) = ((left, index), right) }
      if right > topFound.0 { topFound = (right, index) }
    }
    largestDelta = max(0, delta)
    self.token = token
    (self.expected, self.found) = at
    self.magnitude = magnitude
    divergence = delta <= 0 ? 0 : AloraInference.divergence(of: found[...], from: expected[...])
    expectedTop = topExpected.1
    rankOfExpectedTop = 1 + found.count { foundAtTop.isNaN ? !$0.isNaN : $0 > foundAtTop }
    isSameTop = topExpected.1 == topFound.1
  }

  /// The difference as a part of the greatest magnitude.
  public var relative: Double { magnitude == 0 ? (largestDelta == 0 ? 0 : .infinity) : largestDelta / magnitude }

  /// What two rows differ by most: 0 where they are equal, infinity where one has NaN and the other not the same bits.
  static func largestDelta(_ one: ArraySlice<Float>, _ other: ArraySlice<Float>) -> Double {
    zip(one, other).reduce(0) { max($0, difference($1.0, $1.1)) }
  }

  private static func difference(_ one: Float, _ other: Float) -> Double {
    if one.bitPattern == other.bitPattern { return 0 }
    let difference = abs(Double(one) - Double(other))
    // NaN is farther than anything.
    return difference.isNaN ? .infinity : difference
  }
}
