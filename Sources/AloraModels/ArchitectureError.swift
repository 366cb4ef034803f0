public import AloraSystem

/// A base model that this package does not know, or whose description contradicts itself.
public struct ArchitectureError: DiagnosedError, Hashable {
  public struct Code: Hashable, Sendable {
    enum Value: Hashable, Sendable {
      case unknownArchitecture, unsupportedVariant, invalidHyperparameter, missingTensor, wrongShape, quantizedWeights
    }
    let value: Value
    public static let unknownArchitecture = Code(value: .unknownArchitecture)
    /// A known architecture with a part that is not supported.
    public static let unsupportedVariant = Code(value: .unsupportedVariant)
    public static let invalidHyperparameter = Code(value: .invalidHyperparameter)
    /// A tensor that the architecture has is not in the base's file.
    public static let missingTensor = Code(value: .missingTensor)
    public static let wrongShape = Code(value: .wrongShape)
    /// The weights were quantized by a method whose files this package doesn't read.
    public static let quantizedWeights = Code(value: .quantizedWeights)
  }

  public let code: Code
  public let path: String?
  public let place: String?
  public let problem: String
  public let remedy: Remedy?

  public init(_ code: Code, path: String?, place: String?, problem: String, remedy: Remedy? = nil) {
    self.code = code
    self.path = path
    self.place = place
    self.problem = problem
    self.remedy = remedy
  }

  public var category: ErrorCategory { .refusedInput }
}
