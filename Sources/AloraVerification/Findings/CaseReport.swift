package import AloraInference

/// The figures of one prompt, position by position.
package struct CaseReport: Sendable {
  /// `case 0` of a golden file, or the prompt's name.
  package let name: String
  package let tokens: [Int]
  /// The first adapted position, possibly the end of the tokens; nil: the adapter is off.
  package let activationStart: Int?
  /// Nil without goldens.
  package internal(set) var tolerance: Tolerance?
  /// One for each token.
  package let positions: [PositionReport]
  /// For golden positions and the last one, in their order.
  package let tops: [TopTokens]
  /// The weights that made the keys and values, for each block of the cache.
  package let provenance: [KVProvenance]
  package internal(set) var digests = CaseDigests()
}

/// The figures of one position.
package struct PositionReport: Sendable {
  package let position: Int
  /// The largest |adapted - base| among the logits. Exactly 0 before the activation; infinite if there is NaN.
  package let effect: Double
  /// The comparison with the golden rows, if there are any.
  package let base: RowComparison?
  package let adapted: RowComparison?
}

/// The likeliest tokens at one position.
package struct TopTokens: Sendable {
  package struct Entry: Hashable, Sendable {
    package let token: Int
    package let logit: Float
    /// NaN if the row isn't a distribution.
    package let probability: Double
  }

  package let position: Int
  /// Likeliest first.
  package let base: [Entry]
  package let adapted: [Entry]
  /// Of the golden's adapted row; nil if it has none here.
  package let golden: [Entry]?

  /// How many tokens each list has.
  package static let count = 5
}

/// The result of a verification: a verdict for each proof, and the figures of each prompt.
package struct VerificationResult: Sendable {
  package let verdicts: [Verdict]
  package let cases: [CaseReport]

  package var passed: Bool { verdicts.allSatisfy(\.passed) }

  package var failedCount: Int { verdicts.count { !$0.passed } }

  /// The failures of one prompt, in any proof.
  package func failures(ofCase index: Int) -> [Verdict.Failure] { verdicts.flatMap { $0.failures(ofCase: index) } }

  package func adding(_ verdict: Verdict) -> VerificationResult {
    VerificationResult(verdicts: verdicts + [verdict], cases: cases)
  }
}
