package import AloraSystem

/// A file of cached keys and values, or a conversation, that cannot be used.
package struct GenerationError: DiagnosedError, Hashable {
  package struct Code: Hashable, Sendable {
    enum Value: Hashable, Sendable {
      case notACache, unsupportedVersion, foreignWeights, damaged, systemTwice, unknownAdapter, noToken
    }
    let value: Value
    package static let notACache = Code(value: .notACache)
    /// Another version of the format, or of the exact order of sums.
    package static let unsupportedVersion = Code(value: .unsupportedVersion)
    /// Other weights made the keys and values.
    package static let foreignWeights = Code(value: .foreignWeights)
    /// The contents are not what was written, or contradict each other.
    package static let damaged = Code(value: .damaged)
    /// A system text was given, and the messages begin with one.
    package static let systemTwice = Code(value: .systemTwice)
    /// A turn names an adapter that isn't there.
    package static let unknownAdapter = Code(value: .unknownAdapter)
    /// The vocabulary cannot write a value of the schema.
    package static let noToken = Code(value: .noToken)
  }

  package let code: Code
  package let path: String?
  package let place: String?
  package let problem: String
  package let remedy: Remedy?

  init(
    _ code: Code, path: String?, place: String?, problem: String, remedy: Remedy? = "run without it, and save a new one"
  ) {
    self.code = code
    self.path = path
    self.place = place
    self.problem = problem
    self.remedy = remedy
  }

  package var category: ErrorCategory { .refusedInput }
}
