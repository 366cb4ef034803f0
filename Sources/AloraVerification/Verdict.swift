/// What one proof has found.
public struct Verdict: Hashable, Sendable {
  public enum Proof: String, CaseIterable, Sendable {
    case structure, beforeActivation = "before-activation", cacheReuse = "cache-reuse"
    case afterActivation = "after-activation", sensitivity
    /// Whether all is as it was in an earlier run; only where one is given.
    case baseline

    /// The five that every run has.
    static let always: [Proof] = [.structure, .beforeActivation, .cacheReuse, .afterActivation, .sensitivity]
  }
  /// What was found wrong.
  public struct Failure: Hashable, Sendable, CustomStringConvertible {
    /// The name of the prompt that shows it; nil: it is none's in particular.
    public let caseName: String?
    public let text: String
    /// What explains it most likely, where causes were looked for.
    public let cause: String?

    init(caseName: String?, text: String, cause: String? = nil) {
      self.caseName = caseName
      self.text = text
      self.cause = cause
    }

    /// All of it in one line.
    public var description: String {
      (caseName.map { "\($0): " } ?? "") + text + (cause.map { "; \($0)" } ?? "")
    }
  }

  public let proof: Proof
  public let failures: [Failure]
  /// The figures, for people.
  public let detail: String
  /// Whether nothing was compared: what was found is what later runs are held to.
  public internal(set) var isRecord = false

  public var passed: Bool { failures.isEmpty }
}

/// A prompt to verify with.
public struct VerificationPrompt: Sendable {
  public let name: String
  public let tokens: [Int]

  public init(name: String, tokens: [Int]) {
    self.name = name
    self.tokens = tokens
  }

  /// Prompts around an invocation, where no golden file brings any: in the middle, twice, first, last, and none.
  ///
  /// The tokens around it are numbers from a fixed generator: the proofs are on bits, not on sense.
  public static func standard(invocation: [Int]?, vocabularySize: Int) -> [VerificationPrompt] {
    var state: UInt64 = 0x9E37_79B9_7F4A_7C15
    func filler(_ count: Int) -> [Int] {
      (0..<count).map { _ in
        state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
        return Int((state >> 33) % UInt64(vocabularySize))
      }
    }
    guard let invocation else { return [.init(name: "plain", tokens: filler(40))] }
    return [
      .init(name: "middle", tokens: filler(37) + invocation + filler(5)),
      .init(name: "twice", tokens: filler(9) + invocation + filler(11) + invocation + filler(3)),
      .init(name: "first", tokens: invocation + filler(6)), .init(name: "last", tokens: filler(33) + invocation),
      .init(name: "none", tokens: filler(20)),
    ]
  }
}
