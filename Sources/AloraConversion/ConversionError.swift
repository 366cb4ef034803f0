package import AloraSystem

/// A conversion that can't write what it planned.
package struct ConversionError: DiagnosedError, Hashable {
  package enum Code: Hashable, Sendable {
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

  package let code: Code
  package let path: String?
  package let place: String?
  package let problem: String
  package let remedy: Remedy?

  package init(_ code: Code, path: String?, place: String? = nil, problem: String, remedy: Remedy? = nil) {
    self.code = code
    self.path = path
    self.place = place
    self.problem = problem
    self.remedy = remedy
  }

  package var category: ErrorCategory { .refusedInput }
}
