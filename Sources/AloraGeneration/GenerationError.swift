public import AloraSystem

/// A file of cached keys and values that cannot be used.
public struct GenerationError: DiagnosedError, Hashable {
  public struct Code: Hashable, Sendable {
    enum Value: Hashable, Sendable { case notACache, unsupportedVersion, foreignWeights, damaged }
    let value: Value
    public static let notACache = Code(value: .notACache)
    /// Another version of the format, or of the exact order of sums.
    public static let unsupportedVersion = Code(value: .unsupportedVersion)
    /// Other weights made the keys and values.
    public static let foreignWeights = Code(value: .foreignWeights)
    /// The contents are not what was written, or contradict each other.
    public static let damaged = Code(value: .damaged)
  }

  public let code: Code
  public let path: String?
  public let place: String?
  public let problem: String

  public var remedy: Remedy? { "run without it, and save a new one" }
  public var category: ErrorCategory { .refusedInput }
}
