/// A way in which an invocation breaks in practice.
public struct InvocationFinding: Hashable, Sendable {
  public enum Severity: String, Hashable, Sendable, CaseIterable, Comparable {
    case info, warning, error

    public static func < (left: Severity, right: Severity) -> Bool {
      (allCases.firstIndex(of: left) ?? 0) < (allCases.firstIndex(of: right) ?? 0)
    }
  }

  /// What is wrong, in a word that does not change between versions.
  public enum Identifier: String, Hashable, Sendable, CaseIterable {
    /// An id that the base has no token for.
    case outsideVocabulary = "outside-vocabulary"
    /// The sequence is empty: it can never be found.
    case empty
    /// The text of the tokens becomes other tokens.
    case retokenizes = "retokenizes-differently"
    case firstTokenMerges = "first-token-merges"
    case lastTokenMerges = "last-token-merges"
    /// Every ordinary prompt of the base has it.
    case inGenerationPrompt = "in-generation-prompt"
    /// The tokenizer puts one of its tokens around every text.
    case containsAddedToken = "contains-bos"
    case serverMisses = "server-misses"
    /// The adapter's own tokenizer and the base's do not agree.
    case tokenizersDiffer = "tokenizers-differ"
    case legacy = "legacy-first-token-dropped"
  }

  public let identifier: Identifier
  public let severity: Severity
  public let explanation: String
  public let fix: String
  /// A text or a list of tokens that shows it.
  public let example: String?

  init(_ identifier: Identifier, _ severity: Severity, _ explanation: String, fix: String, example: String? = nil) {
    self.identifier = identifier
    self.severity = severity
    self.explanation = explanation
    self.fix = fix
    self.example = example
  }
}
