internal import AloraInference

/// How far one row of logits is from another.
package struct RowComparison: Hashable, Sendable {
  /// Infinite if one row has NaN and the other doesn't have the same bits.
  package let largestDelta: Double
  /// The token with the largest difference.
  package let token: Int
  /// The logits of that token.
  package let expected: Float
  package let found: Float
  /// The largest magnitude among the expected logits.
  package let magnitude: Double
  /// Kullback-Leibler divergence of the found row from the expected one: 0 for equal rows, infinite if one of them isn't a
  /// distribution.
  ///
  /// Units: nats.
  package let divergence: Double
  /// The token with the largest expected logit; the first of equals.
  package let expectedTop: Int
  /// The rank of that token in the found row, counted from 1. Equal logits share a rank; NaN ranks last.
  package let rankOfExpectedTop: Int
  /// Whether both rows have their largest logit at the same token.
  package let isSameTop: Bool

  /// Shape: both `[V]`, V at least 1.
  package init(expected: [Float], found: [Float]) {
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

  /// The largest difference relative to the largest expected logit.
  package var relative: Double { Self.relative(largestDelta, to: magnitude) }

  /// A difference relative to a row's largest magnitude: 0 for equal rows; infinite if the magnitude is 0 or not finite.
  package static func relative(_ delta: Double, to magnitude: Double) -> Double {
    delta == 0 ? 0 : magnitude > 0 && magnitude.isFinite ? delta / magnitude : .infinity
  }

  /// ``relative`` of two rows, without the other figures. Infinite if one of them is missing.
  package static func relative(expected: [Float]?, found: [Float]?) -> Double {
    guard let expected, let found, expected.count == found.count else { return .infinity }
    return relative(largestDelta(expected[...], found[...]), to: largestMagnitude(expected))
  }

  /// Of all entries that are numbers.
  static func largestMagnitude(_ row: [Float]) -> Double { row.reduce(0) { max($0, abs(Double($1))) } }

  /// The largest difference of two rows: 0 if they are equal, infinite if one has NaN and the other doesn't have the same
  /// bits.
  static func largestDelta(_ one: ArraySlice<Float>, _ other: ArraySlice<Float>) -> Double {
    zip(one, other).reduce(0) { max($0, difference($1.0, $1.1)) }
  }

  private static func difference(_ one: Float, _ other: Float) -> Double {
    if one.bitPattern == other.bitPattern { return 0 }
    let difference = abs(Double(one) - Double(other))
    // NaN counts as an infinite difference.
    return difference.isNaN ? .infinity : difference
  }
}
