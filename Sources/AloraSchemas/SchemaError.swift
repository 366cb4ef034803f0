package import AloraSystem

/// A schema that cannot be compiled to masks, or a text that left it.
package struct SchemaError: DiagnosedError, Hashable {
  package enum Code: Hashable, Sendable {
    /// A keyword has a value that JSON Schema does not allow, or a reference leads nowhere.
    case malformed
    /// A keyword that masks cannot honour.
    case unsupported
    /// No value fits the schema.
    case unsatisfiable
    /// The schema needs more nodes, states, nesting or work than allowed.
    case tooComplex
    /// A token that its mask does not have.
    case notAllowed
    /// The vocabulary cannot write a value of the schema.
    case noToken
  }

  package let code: Code
  package var path: String?
  /// The JSON pointer of the keyword: `#/properties/name/pattern`.
  package let place: String?
  /// The keyword that cannot be honoured, if it is one.
  package let keyword: String?
  package let problem: String
  package let remedy: Remedy?

  init(_ code: Code, _ place: SchemaPlace, _ problem: String, remedy: Remedy? = nil) {
    self.code = code
    path = nil
    self.place = "#\(place.pointer)"
    keyword = place.keyword
    self.problem = problem
    self.remedy = remedy ?? Self.remedy(for: code)
  }

  /// About the schema as a whole.
  init(_ code: Code, _ problem: String, remedy: Remedy? = nil) {
    self.code = code
    path = nil
    place = "#"
    keyword = nil
    self.problem = problem
    self.remedy = remedy ?? Self.remedy(for: code)
  }

  private static func remedy(for code: Code) -> Remedy? {
    code == .tooComplex ? "simplify the schema: fewer alternatives, shorter lists, smaller bounds" : nil
  }

  package static let vocabularyTooSmall = SchemaError(
    .noToken, "no token of the vocabulary continues the text as the schema demands",
    remedy: "widen the schema, or use a model whose vocabulary has the characters that it asks for")

  package var category: ErrorCategory { .refusedInput }
}

/// How much work a schema may make, so that a hostile one ends soon.
final class SchemaBudget {
  private var rest: Int
  static let largest = 3_000_000

  init() { rest = Self.largest }

  /// - Throws: `tooComplex`.
  func spend(_ count: Int) throws(SchemaError) {
    rest -= max(1, count)
    guard rest >= 0 else { throw SchemaError(.tooComplex, "the schema takes too long to compile") }
  }
}
