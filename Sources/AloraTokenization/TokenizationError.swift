package import AloraSystem

/// A tokenizer that can't be used, or a text that it can't encode.
package struct TokenizationError: DiagnosedError, Hashable {
  package struct Code: Hashable, Sendable {
    enum Value: Hashable, Sendable {
      case missingTokenizer, malformed, unsupported, invalidUTF8, patternFailed, unknownPiece, tooLarge
    }
    let value: Value
    /// No tokenizer was found.
    package static let missingTokenizer = Code(value: .missingTokenizer)
    /// Parts of the tokenizer contradict each other.
    package static let malformed = Code(value: .malformed)
    /// A part or setting that this version doesn't support.
    package static let unsupported = Code(value: .unsupported)
    /// The text is not UTF-8.
    package static let invalidUTF8 = Code(value: .invalidUTF8)
    /// A regular expression of the tokenizer is malformed, or backtracks too often.
    package static let patternFailed = Code(value: .patternFailed)
    /// The vocabulary can't express a character of the text, or has no token with a given number.
    package static let unknownPiece = Code(value: .unknownPiece)
    package static let tooLarge = Code(value: .tooLarge)
  }

  package let code: Code
  package var path: String?
  /// A JSON path or a metadata key.
  package let place: String?
  package let problem: String
  package let remedy: Remedy?

  package init(_ code: Code, path: String? = nil, place: String? = nil, problem: String, remedy: Remedy? = nil) {
    self.code = code
    self.path = path
    self.place = place
    self.problem = problem
    self.remedy = remedy
  }

  package var category: ErrorCategory { .refusedInput }
}
