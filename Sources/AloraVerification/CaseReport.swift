public import AloraInference

/// The figures of one prompt, position by position.
public struct CaseReport: Sendable {
  /// `case 0` of a golden file, or what a prompt is called.
  public let name: String
  public let tokens: [Int]
  /// How the model's vocabulary spells the tokens; nil where there is none at hand. Nil for a token without a spelling.
  public let pieces: [String?]?
  /// The first adapted position; nil: the adapter is off. It may be the end of the tokens.
  public let activationStart: Int?
  /// The |Δ| allowed against goldens, as a part of a row's greatest magnitude; nil where there are none.
  public internal(set) var tolerance: Double?
  /// One for each token.
  public let positions: [PositionReport]
  /// For golden positions and the last one, in their order.
  public let tops: [TopTokens]
  /// Which weights made the keys and values of which positions, block of the cache by block.
  public let provenance: [KVProvenance]
  package internal(set) var digests = CaseDigests()
}

/// The figures of one position.
public struct PositionReport: Sendable {
  public let position: Int
  /// The greatest |adapted - base| among the logits. Exactly 0 before the activation; infinite where there is NaN.
  public let effect: Double
  /// Against the golden rows, where there are any.
  public let base: RowComparison?
  public let adapted: RowComparison?
}

/// The likeliest tokens at one position.
public struct TopTokens: Sendable {
  public struct Entry: Hashable, Sendable {
    public let token: Int
    public let logit: Float
    /// NaN where the row is no distribution.
    public let probability: Double
  }

  public let position: Int
  /// Likeliest first.
  public let base: [Entry]
  public let adapted: [Entry]
  /// Of the golden's adapted row; nil where it has none here.
  public let golden: [Entry]?

  /// How many tokens are named.
  public static let count = 5
}

/// What a verification has found: a verdict for each proof, and the figures of each prompt.
public struct VerificationResult: Sendable {
  public let verdicts: [Verdict]
  public let cases: [CaseReport]

  public var passed: Bool { verdicts.allSatisfy(\.passed) }

  /// The same with one verdict more.
  public func adding(_ verdict: Verdict) -> VerificationResult {
    VerificationResult(verdicts: verdicts + [verdict], cases: cases)
  }
}
