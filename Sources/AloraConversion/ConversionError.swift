public import AloraSystem

/// An adapter and a base that do not go together, or an adapter that GGUF cannot express.
public struct ConversionError: DiagnosedError, Hashable {
  public struct Code: Hashable, Sendable {
    enum Value: Hashable, Sendable {
      case unknownModule, wrongShape, tiedOutput, activeEmbedding, noEffect, scalingNotFinite, overflow
      case tokenOutsideVocabulary, missingTokenizer, emptyInvocation, outputIsInput
      case neverApplied, activeExperts, ambiguousExperts, unevenExperts
    }
    let value: Value
    /// The base has no such module.
    public static let unknownModule = Code(value: .unknownModule)
    /// The module's shape in the adapter is not the base's.
    public static let wrongShape = Code(value: .wrongShape)
    /// An adapted output layer or embedding that the base ties together.
    public static let tiedOutput = Code(value: .tiedOutput)
    /// An aLoRA that changes the embedding, which PEFT applies before the activation too.
    public static let activeEmbedding = Code(value: .activeEmbedding)
    /// Every scaling is 0.
    public static let noEffect = Code(value: .noEffect)
    public static let scalingNotFinite = Code(value: .scalingNotFinite)
    /// A weight that is too large for the output type.
    public static let overflow = Code(value: .overflow)
    public static let tokenOutsideVocabulary = Code(value: .tokenOutsideVocabulary)
    /// A legacy adapter's invocation string has to be tokenized, and there is no tokenizer.
    public static let missingTokenizer = Code(value: .missingTokenizer)
    /// A legacy adapter's invocation string is a single token, which leaves none after the first is dropped.
    public static let emptyInvocation = Code(value: .emptyInvocation)
    /// The output file is one of the inputs.
    public static let outputIsInput = Code(value: .outputIsInput)
    /// llama.cpp loads an adapter's factors for the tensor and never uses them.
    public static let neverApplied = Code(value: .neverApplied)
    /// An aLoRA that changes experts, which PEFT has active everywhere or refuses.
    public static let activeExperts = Code(value: .activeExperts)
    /// Factors of experts whose layout can't be told.
    public static let ambiguousExperts = Code(value: .ambiguousExperts)
    /// Experts of one tensor with different ranks or scalings.
    public static let unevenExperts = Code(value: .unevenExperts)
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
