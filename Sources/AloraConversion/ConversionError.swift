package import AloraSystem

/// A conversion that can't write what it planned.
package typealias ConversionError = CodedError<ConversionErrorCode>

package enum ConversionErrorCode: ErrorCode {
  /// No f32 alpha gives the modules' scalings.
  case scalingNotFinite
  /// A weight that is too large for the output type.
  case overflow
  /// Nothing of the adapter is left in the output type.
  case noEffect
  /// The output file is one of the inputs.
  case outputIsInput
  /// Experts of one tensor with different ranks or scalings.
  case unevenExperts
  /// Parts of a module with scalings that PEFT can't give one module.
  case unevenParts
  /// Something that was done on the way to GGUF and can't be undone exactly.
  case notInvertible
  /// The adapter is in the form that was asked for already.
  case alreadyConverted
  /// A key that can't be set, or not to this value.
  case invalidKey
}
