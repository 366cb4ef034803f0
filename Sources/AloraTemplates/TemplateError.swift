public import AloraSystem

/// A chat template that cannot be read, or that failed while it was rendered.
public struct TemplateError: DiagnosedError, Hashable {
  public struct Code: Hashable, Sendable {
    enum Value: Hashable, Sendable { case invalidTemplate, templateFailed, invalidUTF8, tooLarge }
    let value: Value
    /// The chat template is malformed or uses what the supported subset does not have.
    public static let invalidTemplate = Code(value: .invalidTemplate)
    /// The chat template ended with an error of its own, or went over a limit.
    public static let templateFailed = Code(value: .templateFailed)
    /// The template's file is not UTF-8.
    public static let invalidUTF8 = Code(value: .invalidUTF8)
    /// The template has more bytes than any real one.
    public static let tooLarge = Code(value: .tooLarge)
  }

  public let code: Code
  public var path: String?
  /// A line of the template.
  public let place: String?
  public let problem: String
  public let remedy: Remedy?

  public init(_ code: Code, path: String? = nil, place: String? = nil, problem: String, remedy: Remedy? = nil) {
    self.code = code
    self.path = path
    self.place = place
    self.problem = problem
    self.remedy = remedy
  }

  public var category: ErrorCategory { .refusedInput }
}
