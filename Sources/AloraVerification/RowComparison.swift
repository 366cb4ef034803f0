/// How far one row of logits is from another.
public struct RowComparison: Hashable, Sendable {
  public let largestDelta: Double
  /// The token at which they differ most.
  public let token: Int
  /// Where they differ most: expected and found.
  public let expected: Float
  public let found: Float
  /// The greatest magnitude among the expected logits.
  public let magnitude: Double
  /// Whether both have their greatest logit at the same token.
  public let isSameTop: Bool

  /// Shape: both `[V]`, V at least 1.
  public init(expected: some Collection<Float>, found: some Collection<Float>) {
    var (delta, token, at) = (-1.0, 0, (Float(0), Float(0)))
    var magnitude = 0.0
    var (topExpected, topFound) = ((-Float.infinity, 0), (-Float.infinity, 0))
    for (index, (left, right)) in zip(expected, found).enumerated() {
      let difference = left.bitPattern == right.bitPattern ? 0 : abs(Double(left) - Double(right))
      // NaN is farther than anything.
      if difference.isNaN || difference > delta {
        (delta, token, at) = (difference.isNaN ? .infinity : difference, index, (left, right))
      }
      magnitude = max(magnitude, abs(Double(left)))
      if left > topExpected.0 { topExpected = (left, index) }
      if right > topFound.0 { topFound = (right, index) }
    }
    largestDelta = max(0, delta)
    self.token = token
    (self.expected, self.found) = at
    self.magnitude = magnitude
    isSameTop = topExpected.1 == topFound.1
  }

  /// The difference as a part of the greatest magnitude.
  public var relative: Double { magnitude == 0 ? (largestDelta == 0 ? 0 : .infinity) : largestDelta / magnitude }
}
