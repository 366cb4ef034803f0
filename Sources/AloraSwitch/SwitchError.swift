package import AloraSystem

/// A model that isn't a Granite Switch, or one whose slots can't be read.
package typealias SwitchError = CodedError<SwitchErrorCode>

package enum SwitchErrorCode: ErrorCode {
  /// Another kind of model.
  case notASwitch
  /// Lists of different lengths, or numbers out of range.
  case inconsistentSlots
  /// A factor without its partner, or of a shape that the slots don't have.
  case wrongShape
  /// Factors of a type that can't be widened.
  case unsupportedType
  /// Adapters whose decoder has two streams.
  case shadowResidual
  /// A switch whose base can't be run.
  case unsupportedBase
  /// No adapter in the library.
  case emptyLibrary
}
