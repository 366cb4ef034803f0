public import AloraSystem

/// A path with something else than what was expected there.
public struct PathError: DiagnosedError, Hashable {
  public struct Code: Hashable, Sendable {
    enum Value: Hashable, Sendable { case notFound, hubIdentifier, foreignFile, foreignDirectory, missingPart }
    let value: Value
    /// There is nothing at the path.
    public static let notFound = Code(value: .notFound)
    /// There is nothing at the path, and it reads like the name of a repository of the Hugging Face Hub.
    public static let hubIdentifier = Code(value: .hubIdentifier)
    /// A file of another kind.
    public static let foreignFile = Code(value: .foreignFile)
    /// A directory that contains something else.
    public static let foreignDirectory = Code(value: .foreignDirectory)
    /// The right kind of directory, without a part that is needed.
    public static let missingPart = Code(value: .missingPart)
  }

  public let code: Code
  public let path: String?
  public var place: String? { nil }
  public let problem: String
  public let remedy: Remedy?

  public init(_ code: Code, path: String, problem: String, remedy: Remedy? = nil) {
    self.code = code
    self.path = path
    self.problem = problem
    self.remedy = remedy
  }

  public var category: ErrorCategory {
    code == .notFound || code == .hubIdentifier ? .inputOutput : .refusedInput
  }
}
