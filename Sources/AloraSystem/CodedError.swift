/// An error that a module tells apart by its own codes. Each module names its codes and the error with them:
///
///     package typealias JSONError = CodedError<JSONErrorCode>
package struct CodedError<ErrorCode: AloraSystem.ErrorCode>: DiagnosedError, Hashable {
  package typealias Code = ErrorCode

  package let code: Code
  package var path: String?
  package let place: String?
  package let problem: String
  package let remedy: Remedy?

  /// - Parameter remedy: nil for the code's own.
  package init(_ code: Code, path: String? = nil, place: String? = nil, problem: String, remedy: Remedy? = nil) {
    self.code = code
    self.path = path
    self.place = place
    self.problem = problem
    self.remedy = remedy ?? code.remedy
  }

  package var category: ErrorCategory { code.category }
}

/// The codes of a module's errors.
package protocol ErrorCode: Hashable, Sendable {
  /// Refused input, unless the codes say otherwise.
  var category: ErrorCategory { get }
  /// What helps against every error with this code; nil if it depends on the case.
  var remedy: Remedy? { get }
}

extension ErrorCode {
  package var category: ErrorCategory { .refusedInput }
  package var remedy: Remedy? { nil }
}
