public import AloraSystem

/// An adapter that cannot be used as it is.
public struct PEFTError: DiagnosedError, Hashable {
  public struct Code: Hashable, Sendable {
    enum Value: Hashable, Sendable {
      case missingConfiguration, missingWeights, pickledWeights, unsupportedType, invalidField, unsupportedField
      case unknownField, invalidPattern, invalidInvocation, noTensors, unexpectedTensor, incompletePair, wrongShape
      case wrongRank, wrongDType, notFinite, notTargeted, duplicateTensor
    }
    let value: Value
    public static let missingConfiguration = Code(value: .missingConfiguration)
    public static let missingWeights = Code(value: .missingWeights)
    /// The weights are a Python pickle (`adapter_model.bin`).
    public static let pickledWeights = Code(value: .pickledWeights)
    /// `peft_type` is not LORA.
    public static let unsupportedType = Code(value: .unsupportedType)
    public static let invalidField = Code(value: .invalidField)
    /// A field that PEFT honours and GGUF cannot express.
    public static let unsupportedField = Code(value: .unsupportedField)
    /// A field that this version does not know, with a value that may matter.
    public static let unknownField = Code(value: .unknownField)
    /// A regular expression that is malformed or backtracks without end.
    public static let invalidPattern = Code(value: .invalidPattern)
    public static let invalidInvocation = Code(value: .invalidInvocation)
    public static let noTensors = Code(value: .noTensors)
    /// A tensor that is no LoRA factor of a weight.
    public static let unexpectedTensor = Code(value: .unexpectedTensor)
    /// `lora_A` without `lora_B`, or the reverse.
    public static let incompletePair = Code(value: .incompletePair)
    public static let wrongShape = Code(value: .wrongShape)
    /// The rank in the file is not the one that the configuration gives the module.
    public static let wrongRank = Code(value: .wrongRank)
    public static let wrongDType = Code(value: .wrongDType)
    /// NaN or infinity among the weights.
    public static let notFinite = Code(value: .notFinite)
    /// The configuration does not target the module, so PEFT would ignore the tensor.
    public static let notTargeted = Code(value: .notTargeted)
    public static let duplicateTensor = Code(value: .duplicateTensor)
  }

  public let code: Code
  public let path: String?
  /// `$.field` of the configuration, or `tensor NAME` of the weights.
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
