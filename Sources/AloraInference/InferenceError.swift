package import AloraSystem

/// A model, adapter or prompt that the evaluator can't compute.
package typealias InferenceError = CodedError<InferenceErrorCode>

package enum InferenceErrorCode: ErrorCode {
  case missingTensor
  case wrongShape
  /// Separate weights of an output layer that the configuration ties to the embedding.
  case ambiguousOutput
  /// An element type that no kernel reads.
  case unsupportedType
  /// A module that the evaluator can't adapt.
  case unsupportedModule
  /// A name that no loaded adapter has.
  case notAnAdapter
  case tokenOutsideVocabulary
  case noTokens
  /// A requested position is outside the text.
  case positionOutsideText
  /// More positions than the model's context, or than the exact range of rotary tables.
  case tooLong
  /// Cached keys and values that other weights made.
  case foreignCache
  /// OpenBLAS is not installed.
  case missingLibrary
  /// Logits that are NaN or infinite.
  case notFinite
}
