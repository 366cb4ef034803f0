/// A way that an invocation breaks in practice.
///
/// A value, not a sentence: AloraReports has the words and what to do about it.
package enum InvocationFinding: Hashable, Sendable {
  /// The base has no such tokens; its ids are below `idLimit`.
  case outsideVocabulary(tokens: [Int], idLimit: Int)
  /// The sequence is empty: it can never be found.
  case empty
  /// The text of the sequence becomes other tokens.
  case retokenizes(text: String, tokens: [Int])
  /// After `neighbour`, the text becomes other tokens.
  case firstTokenMerges(neighbour: String, text: String, tokens: [Int])
  /// Before `neighbour`, the text becomes other tokens.
  case lastTokenMerges(text: String, neighbour: String, tokens: [Int])
  /// Every ordinary prompt of the base has it.
  case inGenerationPrompt(prompt: String)
  /// The tokenizer puts one of its tokens around every text.
  case containsAddedToken(Int, piece: String?)
  /// llama-server misses the invocation if `tail`, its own end, follows it.
  case serverMisses(invocation: [Int], tail: [Int], isLikely: Bool)
  /// The adapter's own tokenizer and the base's spell a token differently.
  case pieceDiffers(token: Int, base: String?, adapter: String?)
  /// The adapter's own tokenizer and the base's turn the text into different tokens.
  case tokensDiffer(text: String, base: [Int], adapter: [Int])
  /// A legacy adapter: the first token of its text doesn't count.
  case legacy
  /// Only the tokenizer that transformers 5 builds makes the sequence of its text; others make these tokens.
  case madeByTransformers5(text: String, className: String, others: [Int])
  /// Only the tokenizer that transformers 5 builds makes other tokens of the text.
  case transformers5Differs(text: String, className: String, tokens: [Int])

  package enum Severity: String, Hashable, Sendable, CaseIterable, Comparable {
    case info, warning, error

    package static func < (left: Severity, right: Severity) -> Bool {
      (allCases.firstIndex(of: left) ?? 0) < (allCases.firstIndex(of: right) ?? 0)
    }
  }

  package var severity: Severity {
    switch self {
    case .outsideVocabulary, .empty, .pieceDiffers, .tokensDiffer: .error
    case .serverMisses(_, _, let isLikely): isLikely ? .warning : .info
    case .legacy: .info
    default: .warning
    }
  }

  /// The kind of finding, in a word that doesn't change between versions.
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

  package var identifier: Identifier {
    switch self {
    case .outsideVocabulary: .outsideVocabulary
    case .empty: .empty
    case .retokenizes: .retokenizes
    case .firstTokenMerges: .firstTokenMerges
    case .lastTokenMerges: .lastTokenMerges
    case .inGenerationPrompt: .inGenerationPrompt
    case .containsAddedToken: .containsAddedToken
    case .serverMisses: .serverMisses
    case .pieceDiffers, .tokensDiffer: .tokenizersDiffer
    case .legacy: .legacy
    case .madeByTransformers5: .madeByTransformers5
    case .transformers5Differs: .transformers5Differs
    }
  }
}
