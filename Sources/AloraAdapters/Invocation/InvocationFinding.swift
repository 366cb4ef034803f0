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
    case outsideVocabulary = "outside-vocabulary"
    case empty
    case retokenizes = "retokenizes-differently"
    case firstTokenMerges = "first-token-merges"
    case lastTokenMerges = "last-token-merges"
    case inGenerationPrompt = "in-generation-prompt"
    case containsAddedToken = "contains-bos"
    case serverMisses = "server-misses"
    case tokenizersDiffer = "tokenizers-differ"
    case legacy = "legacy-first-token-dropped"
    case madeByTransformers5 = "made-by-transformers-5"
    case transformers5Differs = "transformers-5-differs"
  }

  /// What is wrong, with the tokens and texts that show it.
  package enum Problem: Hashable, Sendable {
    /// Ids that the base has no token for; its ids end before the limit.
    case outsideVocabulary([Int], idLimit: Int)
    /// The sequence is empty: it can never be found.
    case empty
    /// The text of the tokens becomes other tokens.
    case retokenizes([Int])
    /// After this text, the sequence's text becomes other tokens.
    case firstTokenMerges(neighbour: String, tokens: [Int])
    /// Before this text, the sequence's text becomes other tokens.
    case lastTokenMerges(neighbour: String, tokens: [Int])
    /// Every ordinary prompt of the base has it.
    case inGenerationPrompt
    /// The tokenizer puts one of its tokens around every text.
    case containsAddedToken(Int, piece: String)
    /// llama-server misses the sequence if this end of it is repeated.
    case serverMisses(tail: [Int])
    /// The adapter's own tokenizer and the base's have different pieces for a token.
    case tokenDiffers(Int, base: String, adapter: String)
    /// The adapter's own tokenizer and the base's make different tokens of the text.
    case textDiffers(base: [Int], adapter: [Int])
    /// A legacy adapter, whose sequence is its text without the first token.
    case legacy
    /// Only the tokenizer that transformers 5 builds makes the sequence of its text; others make these tokens.
    case madeByTransformers5(className: String, others: [Int])
    /// Only the tokenizer that transformers 5 builds makes other tokens of the text.
    case transformers5Differs(className: String, tokens: [Int])
  }

  package let severity: Severity
  package let problem: Problem
  /// A text or a list of tokens that shows it.
  package let example: String?

  init(_ severity: Severity, _ problem: Problem, example: String? = nil) {
    self.severity = severity
    self.problem = problem
    self.example = example
  }

  package var identifier: Identifier {
    switch problem {
    case .outsideVocabulary: .outsideVocabulary
    case .empty: .empty
    case .retokenizes: .retokenizes
    case .firstTokenMerges: .firstTokenMerges
    case .lastTokenMerges: .lastTokenMerges
    case .inGenerationPrompt: .inGenerationPrompt
    case .containsAddedToken: .containsAddedToken
    case .serverMisses: .serverMisses
    case .tokenDiffers, .textDiffers: .tokenizersDiffer
    case .legacy: .legacy
    case .madeByTransformers5: .madeByTransformers5
    case .transformers5Differs: .transformers5Differs
    }
  }
}
