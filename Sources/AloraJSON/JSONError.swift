package import AloraSystem

/// JSON that can't be read, or a value that isn't what is expected.
package struct JSONError: DiagnosedError, Hashable {
  package struct Code: Hashable, Sendable {
    enum Value: Hashable, Sendable { case malformed, duplicateKey, missing, wrongType, outOfRange, tooLarge }
    let value: Value
    /// The text breaks the grammar of RFC 8259, or nests deeper than the limit.
    package static let malformed = Code(value: .malformed)
    /// An object has two members with the same name, or a name with a NUL in it.
    package static let duplicateKey = Code(value: .duplicateKey)
    /// A member that must be there isn't.
    package static let missing = Code(value: .missing)
    package static let wrongType = Code(value: .wrongType)
    /// A number is not whole, or outside its range.
    package static let outOfRange = Code(value: .outOfRange)
    /// The text is longer than the reader accepts.
    package static let tooLarge = Code(value: .tooLarge)
  }

  package let code: Code
  package var path: String?
  /// A JSON path (`$.rank_pattern`) or a byte offset of the text.
  package let place: String?
  package let problem: String
  /// What the file is instead of JSON, for `malformed`.
  package let found: FileSignature?

  package init(_ code: Code, path: String?, place: String?, problem: String, found: FileSignature? = nil) {
    self.code = code
    self.path = path
    self.place = place
    self.problem = problem
    self.found = found
  }

  package var category: ErrorCategory { .refusedInput }
  package var remedy: Remedy? {
    switch code.value {
    case .duplicateKey: "remove one of the two"
    case .malformed: found?.remedy
    default: nil
    }
  }
}
