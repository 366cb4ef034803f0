package import AloraSystem

/// An adapter that can't be added to a base's weights.
package typealias MergeError = CodedError<MergeErrorCode>

package enum MergeErrorCode: ErrorCode {
  /// An aLoRA, which is active from its invocation on only.
  case activated
  /// The base is without weights, or without a tensor that the adapter changes.
  case missingTensor
  /// A tensor of the base of another shape than the module's.
  case wrongShape
  /// Weights of a type that alora doesn't write.
  case unsupportedType
  /// Experts that the files hold in a form that they can't be changed in.
  case unsupportedLayout
  /// The output layer and the embedding share a tensor.
  case tiedOutput
  /// A merged weight that isn't a number, or too large for its type.
  case overflow
  /// Every weight rounds to what it was.
  case noEffect
  /// The output would replace what is read.
  case outputIsInput
  /// A GGUF where a directory is asked for, or the reverse.
  case wrongForm
}
