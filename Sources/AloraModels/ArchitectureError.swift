package import AloraSystem

/// A base model that this package doesn't support, or whose description contradicts itself.
package struct ArchitectureError: DiagnosedError, Hashable {
  package struct Code: Hashable, Sendable {
    enum Value: Hashable, Sendable {
      case unknownArchitecture, unsupportedVariant, invalidHyperparameter, missingTensor, wrongShape, quantizedWeights
    }
    let value: Value
    package static let unknownArchitecture = Code(value: .unknownArchitecture)
    /// A known architecture with a part that is not supported.
    package static let unsupportedVariant = Code(value: .unsupportedVariant)
    package static let invalidHyperparameter = Code(value: .invalidHyperparameter)
    /// A tensor that the architecture has is not in the base's file.
    package static let missingTensor = Code(value: .missingTensor)
    package static let wrongShape = Code(value: .wrongShape)
    /// The weights were quantized by a method whose files this package doesn't read.
    package static let quantizedWeights = Code(value: .quantizedWeights)
  }

  package let code: Code
  package let path: String?
  package let place: String?
  package let problem: String
  package let remedy: Remedy?

  package init(_ code: Code, path: String?, place: String?, problem: String, remedy: Remedy? = nil) {
    self.code = code
    self.path = path
    self.place = place
    self.problem = problem
    self.remedy = remedy
  }

  package var category: ErrorCategory { .refusedInput }
}
