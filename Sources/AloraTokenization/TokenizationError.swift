public import AloraSystem

/// A tokenizer that cannot be used, or a text that it cannot take.
public struct TokenizationError: DiagnosedError, Hashable {
  public struct Code: Hashable, Sendable {
    enum Value: Hashable, Sendable {
      case missingTokenizer, malformed, unsupported, invalidUTF8, patternFailed, unknownPiece, tooLarge
    }
    let value: Value
    /// There is no tokenizer where one was looked for.
    public static let missingTokenizer = Code(value: .missingTokenizer)
    /// Parts of the tokenizer contradict each other.
    public static let malformed = Code(value: .malformed)
    /// A part or a setting that this version does not know.
    public static let unsupported = Code(value: .unsupported)
    /// The text is not UTF-8.
    public static let invalidUTF8 = Code(value: .invalidUTF8)
    /// A regular expression of the tokenizer is malformed or backtracks without end.
    public static let patternFailed = Code(value: .patternFailed)
    /// The text has a character that the vocabulary cannot express, or a number that is no token.
    public static let unknownPiece = Code(value: .unknownPiece)
    public static let tooLarge = Code(value: .tooLarge)
  }

  public let code: Code
  public var path: String?
  /// A JSON path or a metadata key.
  public let place: String?
  public let problem: String
  public let remedy: Remedy?

  public init(_ code: Code, path: String? = nil, place: String? = nil, problem: String, remedy: Remedy? = nil) {
    self.code = code
    self.path = path
    self.place = place
    self.problem = problem
    self.remedy = remedy
  }

  public var category: ErrorCategory { .refusedInput }
}
