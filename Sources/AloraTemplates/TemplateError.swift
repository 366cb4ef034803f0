package import AloraSystem

/// A chat template that cannot be read, or that failed while it was rendered.
package typealias TemplateError = CodedError<TemplateErrorCode>

package enum TemplateErrorCode: ErrorCode {
  /// The chat template is malformed, or uses something outside the supported subset.
  case invalidTemplate
  /// The chat template ended with an error of its own, or went over a limit.
  case templateFailed
  /// The template's file is not UTF-8.
  case invalidUTF8
  /// The template is larger than any real one.
  case tooLarge
}
