public import AloraSystem

/// A model, adapter or prompt that can't be computed with.
public struct InferenceError: DiagnosedError, Hashable {
  public struct Code: Hashable, Sendable {
    enum Value: Hashable, Sendable {
      case missingTensor, wrongShape, unsupportedType, unsupportedModule, notAnAdapter
      case tokenOutsideVocabulary, noTokens, tooLong, foreignCache, missingLibrary, notFinite
      case ambiguousOutput, positionOutsideText
    }
    let value: Value
    public static let missingTensor = Code(value: .missingTensor)
    public static let wrongShape = Code(value: .wrongShape)
    /// Weights of an output layer that the configuration ties to other ones.
    public static let ambiguousOutput = Code(value: .ambiguousOutput)
    /// An element type that no kernel reads.
    public static let unsupportedType = Code(value: .unsupportedType)
    /// A module that the evaluator can't adapt.
    public static let unsupportedModule = Code(value: .unsupportedModule)
    /// An adapter's name that nothing was loaded under.
    public static let notAnAdapter = Code(value: .notAnAdapter)
    public static let tokenOutsideVocabulary = Code(value: .tokenOutsideVocabulary)
    public static let noTokens = Code(value: .noTokens)
    /// A position was asked for that the text doesn't have.
    public static let positionOutsideText = Code(value: .positionOutsideText)
    /// More positions than the model's context, or than rotary tables are exact for.
    public static let tooLong = Code(value: .tooLong)
    /// Cached keys and values that other weights made.
    public static let foreignCache = Code(value: .foreignCache)
    /// OpenBLAS is not installed.
    public static let missingLibrary = Code(value: .missingLibrary)
    /// Logits that are NaN or infinite.
    public static let notFinite = Code(value: .notFinite)
  }

  public let code: Code
  public let path: String?
  public let place: String?
  public let problem: String
  public let remedy: Remedy?

  public init(_ code: Code, path: String?, place: String? = nil, problem: String, remedy: Remedy? = nil) {
    self.code = code
    self.path = path
    self.place = place
    self.problem = problem
    self.remedy = remedy
  }

  public var category: ErrorCategory { .refusedInput }
}
