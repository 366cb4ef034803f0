package import AloraSystem

/// A base model that this package doesn't support, or whose description contradicts itself.
package typealias ArchitectureError = CodedError<ArchitectureErrorCode>

package enum ArchitectureErrorCode: ErrorCode {
  case unknownArchitecture
  /// A known architecture with a part that is not supported.
  case unsupportedVariant
  case invalidHyperparameter
  /// A tensor that the architecture has is not in the base's file.
  case missingTensor
  case wrongShape
  /// The weights were quantized by a method whose files this package doesn't read.
  case quantizedWeights
}
