package import AloraSystem

/// A chat template that cannot be read, or that failed while it was rendered.
package struct TemplateError: DiagnosedError, Hashable {
  package struct Code: Hashable, Sendable {
    enum Value: Hashable, Sendable { case invalidTemplate, templateFailed, invalidUTF8, tooLarge }
    let value: Value
    /// The chat template is malformed, or uses something outside the supported subset.
    package static let invalidTemplate = Code(value: .invalidTemplate)
    /// The chat template ended with an error of its own, or went over a limit.
    package static let templateFailed = Code(value: .templateFailed)
    /// The template's file is not UTF-8.
    package static let invalidUTF8 = Code(value: .invalidUTF8)
    /// The template is larger than any real one.
    package static let tooLarge = Code(value: .tooLarge)
  }

  package let code: Code
  package var path: String?
  /// A line of the template.
  package let place: String?
  package let problem: String
  package let remedy: Remedy?

  package init(_ code: Code, path: String? = nil, place: String? = nil, problem: String, remedy: Remedy? = nil) {
    self.code = code
    self.path = path
    self.place = place
    self.problem = problem
    self.remedy = remedy
  }

  package var category: ErrorCategory { .refusedInput }
}
