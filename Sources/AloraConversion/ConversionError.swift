public import AloraSystem

/// A conversion that can't write what it planned.
public struct ConversionError: DiagnosedError, Hashable {
  public enum Code: Hashable, Sendable {
    /// No f32 alpha gives the modules' scalings.
    case scalingNotFinite
    /// A weight that is too large for the output type.
    case overflow
    /// Nothing of the adapter is left in the output type.
    case noEffect
    /// The output file is one of the inputs.
    case outputIsInput
    /// Factors of experts whose layout can't be told.
    case ambiguousExperts
    /// Experts of one tensor with different ranks or scalings.
    case unevenExperts
  }

  public let code: Code
  public let path: String?
  public let place: String?
  public let problem: String
  public let remedy: Remedy?

  public init(_ code: Code, path: String?, place: String? = nil, problem: String, remedy: Remedy? = nil) {
    self.code = code
    self.path = path
    self.place = place
    self.problem = problem
    self.remedy = remedy
  }

  public var category: ErrorCategory { .refusedInput }
}
