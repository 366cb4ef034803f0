package import AloraSystem

/// A tokenizer that can't be used, or a text that it can't encode.
package typealias TokenizationError = CodedError<TokenizationErrorCode>

package enum TokenizationErrorCode: ErrorCode {
  /// No tokenizer was found.
  case missingTokenizer
  /// Parts of the tokenizer contradict each other.
  case malformed
  /// A part or setting that this version doesn't support.
  case unsupported
  /// The text is not UTF-8.
  case invalidUTF8
  /// A regular expression of the tokenizer is malformed, or backtracks too often.
  case patternFailed
  /// The vocabulary can't express a character of the text, or has no token with a given number.
  case unknownPiece
  case tooLarge
}
