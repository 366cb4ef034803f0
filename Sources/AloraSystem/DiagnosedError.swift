/// Who has to act on an error. Each category has one exit code (docs/design.md, "Commands").
public enum ErrorCategory: Sendable {
  /// The call itself is wrong.
  case usage
  /// A file or value is malformed, unsupported or doesn't fit the others.
  case refusedInput
  /// The system couldn't open, read or write.
  case inputOutput
}

/// An error with its place, problem and remedy. Every error type of this package conforms to it.
///
/// Each module has one error type that conforms. The command line renders them all in the same way.
public protocol DiagnosedError: Error, CustomStringConvertible {
  var category: ErrorCategory { get }
  /// The file, if there is one.
  var path: String? { get }
  /// The place in it: `byte 24`, `$.rank_pattern`, `tensor blk.0.attn_q.weight`.
  var place: String? { get }
  /// What is wrong, as a clause without a full stop, with the expected and the actual value.
  var problem: String { get }
  /// What the user can do, if anything.
  var remedy: Remedy? { get }
}

extension DiagnosedError {
  /// One line: path, place, problem and remedy. Control characters of hostile names are escaped.
  public var description: String {
    let head = [path, place, problem].compactMap { $0 }.joined(separator: ": ")
    return (remedy.map { "\(head); \($0)" } ?? head).escapingControlCharacters()
  }
}

extension String {
  /// The string with control characters, line separators and direction overrides written as `\u{…}`.
  public func escapingControlCharacters() -> String {
    guard unicodeScalars.contains(where: \.breaksLines) else { return self }
    var result = ""
    for scalar in unicodeScalars {
      if scalar.breaksLines {
        result += "\\u{\(String(scalar.value, radix: 16))}"
      } else {
        result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}

extension String {
  /// The same for a text of many lines: the ends of lines and the tabs stay.
  package func escapingControlCharactersInLines() -> String {
    split(separator: "\n", omittingEmptySubsequences: false).map { line in
      line.split(separator: "\t", omittingEmptySubsequences: false).map { String($0).escapingControlCharacters() }
        .joined(separator: "\t")
    }.joined(separator: "\n")
  }
}

extension Unicode.Scalar {
  fileprivate var breaksLines: Bool {
    switch value {
    case 0..<0x20, 0x7F..<0xA0, 0x2028, 0x2029, 0x202A...0x202E, 0x2066...0x2069, 0xFEFF: true
    default: false
    }
  }
}
