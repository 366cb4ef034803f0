public import AloraSystem

/// A file of cached keys and values, or a conversation, that cannot be used.
public struct GenerationError: DiagnosedError, Hashable {
  public struct Code: Hashable, Sendable {
    enum Value: Hashable, Sendable {
      case notACache, unsupportedVersion, foreignWeights, damaged, systemTwice, unknownAdapter
    }
    let value: Value
    public static let notACache = Code(value: .notACache)
    /// Another version of the format, or of the exact order of sums.
    public static let unsupportedVersion = Code(value: .unsupportedVersion)
    /// Other weights made the keys and values.
    public static let foreignWeights = Code(value: .foreignWeights)
    /// The contents are not what was written, or contradict each other.
    public static let damaged = Code(value: .damaged)
    /// A system text was given, and the messages begin with one.
    public static let systemTwice = Code(value: .systemTwice)
    /// A turn names an adapter that isn't there.
    public static let unknownAdapter = Code(value: .unknownAdapter)
  }

  public let code: Code
  public let path: String?
  public let place: String?
  public let problem: String
  public let remedy: Remedy?

  init(
    _ code: Code, path: String?, place: String?, problem: String, remedy: Remedy? = "run without it, and save a new one"
  ) {
    self.code = code
    self.path = path
    self.place = place
    self.problem = problem
    self.remedy = remedy
  }

  public var category: ErrorCategory { .refusedInput }
}
