/// A way in which an invocation breaks in practice.
package struct InvocationFinding: Hashable, Sendable {
  package enum Severity: String, Hashable, Sendable, CaseIterable, Comparable {
    case info, warning, error

    package static func < (left: Severity, right: Severity) -> Bool {
      (allCases.firstIndex(of: left) ?? 0) < (allCases.firstIndex(of: right) ?? 0)
    }
  }

  /// What is wrong, in a word that does not change between versions.
  package enum Identifier: String, Hashable, Sendable, CaseIterable {
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

  package let identifier: Identifier
  package let severity: Severity
  package let explanation: String
  package let fix: String
  /// A text or a list of tokens that shows it.
  package let example: String?

  init(_ identifier: Identifier, _ severity: Severity, _ explanation: String, fix: String, example: String? = nil) {
    self.identifier = identifier
    self.severity = severity
    self.explanation = explanation
    self.fix = fix
    self.example = example
  }
}
