import Foundation
import Testing

@testable import AloraVerification

/// Figures of two rows, against NumPy and against what can be derived by hand.
@Suite struct RowComparisonTests {
  /// numpy 2.4.6, float64: p, q = logits - logsumexp(logits); sum(exp(p) * (p - q)).
  @Test func divergenceIsNumPys() {
    let (one, other): ([Float], [Float]) = ([1.5, -2, 0.25, 3, 2.875], [1.25, -2.5, 0.5, 2.75, 3])
    #expect(abs(RowComparison(expected: one, found: other).divergence - 0.018734684368559615) < 1e-15)
    #expect(abs(RowComparison(expected: other, found: one).divergence - 0.018854410681423156) < 1e-15)
    // Of two tokens with logits swapped, one apart: (e - 1) / (e + 1). Far from 0, where exponentials would overflow.
    let far = RowComparison(expected: [1000, 999, -500], found: [999, 1000, -500])
    #expect(abs(far.divergence - (M_E - 1) / (M_E + 1)) < 1e-12)
  }

  @Test func equalRowsDifferByNothing() {
    for row in [[1, 2, 3], [.nan, 1], [.infinity, 0], [-.infinity, -.infinity], [0]] as [[Float]] {
      let same = RowComparison(expected: row, found: row)
      #expect(same.largestDelta == 0 && same.divergence == 0 && same.isSameTop)
    }
    #expect(RowComparison(expected: [1, 2], found: [1, 2]).rankOfExpectedTop == 1)
    // A constant added to all logits changes them, and not what they say.
    let shifted = RowComparison(expected: [1, 2, 4], found: [3, 4, 6])
    #expect(shifted.largestDelta == 2 && shifted.divergence < 1e-15 && shifted.isSameTop)
  }

  @Test func ranksAreCounted() {
    for (found, rank, isSame) in [
      ([0, 1, 2, 9], 1, true), ([0, 1, 9, 2], 2, false), ([3, 4, 5, 2], 4, false), ([2, 0, 0, 2], 1, false),
      ([1, 1, 1, .nan], 4, false),
    ] as [([Float], Int, Bool)] {
      let comparison = RowComparison(expected: [0, 0, 0, 1], found: found)
      #expect(comparison.expectedTop == 3 && comparison.rankOfExpectedTop == rank, "\(found)")
      #expect(comparison.isSameTop == isSame, "\(found)")
    }
  }

  @Test func whatIsNoNumberIsInfinitelyFar() {
    for (expected, found) in [([1, 2], [.nan, 2]), ([.nan, 2], [1, 2]), ([1, 2], [1, .infinity])]
      as [([Float], [Float])]
    {
      let comparison = RowComparison(expected: expected, found: found)
      #expect(comparison.largestDelta == .infinity && comparison.divergence == .infinity)
      #expect(!(comparison.relative <= 1), "\(comparison)")
    }
    // A token that may not be costs nothing; one that only the golden allows costs everything.
    #expect(RowComparison(expected: [1, -.infinity], found: [1, 0]).divergence.isFinite)
    #expect(RowComparison(expected: [1, 0], found: [1, -.infinity]).divergence == .infinity)
  }

  @Test func theLikeliestTokensAreNamed() {
    let row: [Float] = [0, 3, .nan, 5, 5, -1, 2, 1]
    let top = TopTokens.entries(of: row.map { $0.isNaN ? 4 : $0 })
    #expect(top.map(\.token) == [3, 4, 2, 1, 6])
    let sum = exp(5.0) * 2 + exp(4.0) + exp(3.0) + exp(2.0) + exp(1.0) + 1 + exp(-1.0)
    #expect(zip(top, [5.0, 5, 4, 3, 2]).allSatisfy { abs($0.probability - exp($1) / sum) < 1e-14 })
    let broken = TopTokens.entries(of: row)
    #expect(broken.map(\.token) == [3, 4, 1, 6, 7] && broken.allSatisfy { $0.probability.isNaN })
    #expect(TopTokens.entries(of: [1, 2]).map(\.token) == [1, 0])
  }
}
