package import AloraSystem

/// JSON that can't be read, or a value that isn't what is expected.
package typealias JSONError = CodedError<JSONErrorCode>

package enum JSONErrorCode: ErrorCode {
  /// The text breaks the grammar of RFC 8259, or nests deeper than the limit.
  case malformed
  /// An object has two members with the same name, or a name with a NUL in it.
  case duplicateKey
  /// A member that must be there isn't.
  case missing
  case wrongType
  /// A number is not whole, or outside its range.
  case outOfRange
  /// The text is longer than the reader accepts.
  case tooLarge

  package var remedy: Remedy? { self == .duplicateKey ? "remove one of the two" : nil }
}
