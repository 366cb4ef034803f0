package import AloraSystem

/// A path that leads to something other than expected.
package struct PathError: DiagnosedError, Hashable {
  package struct Code: Hashable, Sendable {
    enum Value: Hashable, Sendable { case notFound, hubIdentifier, foreignFile, foreignDirectory, missingPart }
    let value: Value
    /// There is nothing at the path.
    package static let notFound = Code(value: .notFound)
    /// There is nothing at the path, but it looks like the id of a Hugging Face Hub repository.
    package static let hubIdentifier = Code(value: .hubIdentifier)
    /// A file of another kind.
    package static let foreignFile = Code(value: .foreignFile)
    /// A directory that contains something else.
    package static let foreignDirectory = Code(value: .foreignDirectory)
    /// The right kind of directory, without a part that is needed.
    package static let missingPart = Code(value: .missingPart)
  }

  package let code: Code
  package let path: String?
  package var place: String? { nil }
  package let problem: String
  package let remedy: Remedy?

  package init(_ code: Code, path: String, problem: String, remedy: Remedy? = nil) {
    self.code = code
    self.path = path
    self.problem = problem
    self.remedy = remedy
  }

  package var category: ErrorCategory {
    code == .notFound || code == .hubIdentifier ? .inputOutput : .refusedInput
  }
}
