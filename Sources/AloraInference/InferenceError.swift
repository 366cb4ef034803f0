package import AloraSystem

/// A model, adapter or prompt that the evaluator can't compute.
package struct InferenceError: DiagnosedError, Hashable {
  package struct Code: Hashable, Sendable {
    enum Value: Hashable, Sendable {
      case missingTensor, wrongShape, unsupportedType, unsupportedModule, notAnAdapter
      case tokenOutsideVocabulary, noTokens, tooLong, foreignCache, missingLibrary, notFinite
      case ambiguousOutput, positionOutsideText
    }
    let value: Value
    package static let missingTensor = Code(value: .missingTensor)
    package static let wrongShape = Code(value: .wrongShape)
    /// Separate weights of an output layer that the configuration ties to the embedding.
    package static let ambiguousOutput = Code(value: .ambiguousOutput)
    /// An element type that no kernel reads.
    package static let unsupportedType = Code(value: .unsupportedType)
    /// A module that the evaluator can't adapt.
    package static let unsupportedModule = Code(value: .unsupportedModule)
    /// A name that no loaded adapter has.
    package static let notAnAdapter = Code(value: .notAnAdapter)
    package static let tokenOutsideVocabulary = Code(value: .tokenOutsideVocabulary)
    package static let noTokens = Code(value: .noTokens)
    /// A requested position is outside the text.
    package static let positionOutsideText = Code(value: .positionOutsideText)
    /// More positions than the model's context, or than the exact range of rotary tables.
    package static let tooLong = Code(value: .tooLong)
    /// Cached keys and values that other weights made.
    package static let foreignCache = Code(value: .foreignCache)
    /// OpenBLAS is not installed.
    package static let missingLibrary = Code(value: .missingLibrary)
    /// Logits that are NaN or infinite.
    package static let notFinite = Code(value: .notFinite)
  }

  package let code: Code
  package let path: String?
  package let place: String?
  package let problem: String
  package let remedy: Remedy?

  package init(_ code: Code, path: String?, place: String? = nil, problem: String, remedy: Remedy? = nil) {
    self.code = code
    self.path = path
    self.place = place
    self.problem = problem
    self.remedy = remedy
  }

  package var category: ErrorCategory { .refusedInput }
}
