/// Reads the Python literals in `.npy` headers: a dictionary of texts, Booleans and tuples of integers.
struct PythonLiteralParser {
  enum Value: Equatable {
    case text(String)
    case boolean(Bool)
    case tuple([Int])
    /// A list, which describes records.
    case other
  }

  private let text: [UInt8]
  private var offset = 0

  init(_ text: [UInt8]) { self.text = text }

  /// Nil if the text is anything else, or if a name occurs twice.
  mutating func dictionary() -> [String: Value]? {
    guard skip("{") else { return nil }
    var members: [String: Value] = [:]
    while !skip("}") {
      guard let name = quoted(), skip(":"), let value = value(), members.updateValue(value, forKey: name) == nil else {
        return nil
      }
      // Nobody needs the elements of a list, or the members after it.
      if value == .other { return members }
      guard skip(",") || peek() == UInt8(ascii: "}") else { return nil }
    }
    return peek() == nil ? members : nil
  }

  private mutating func value() -> Value? {
    switch peek() {
    case UInt8(ascii: "'"), UInt8(ascii: "\""): quoted().map { .text($0) }
    case UInt8(ascii: "("): tuple().map { .tuple($0) }
    case UInt8(ascii: "["): .other
    case UInt8(ascii: "T"): word("True") ? .boolean(true) : nil
    case UInt8(ascii: "F"): word("False") ? .boolean(false) : nil
    default: nil
    }
  }

  private mutating func tuple() -> [Int]? {
    guard skip("(") else { return nil }
    var values: [Int] = []
    while !skip(")") {
      guard let value = integer() else { return nil }
      values.append(value)
      guard skip(",") || (peek() == UInt8(ascii: ")") && values.count > 1) else { return nil }
    }
    return values
  }

  private mutating func integer() -> Int? {
    skipSpace()
    var value = 0
    let start = offset
    while offset < text.count, (0x30...0x39).contains(text[offset]) {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, sumOverflow) = product.addingReportingOverflow(Int(text[offset] - 0x30))
      guard !overflow, !sumOverflow else { return nil }
      value = sum
      offset += 1
    }
    guard offset > start else { return nil }
    // Python 2 wrote an L after long integers.
    if offset < text.count, text[offset] == UInt8(ascii: "L") { offset += 1 }
    return value
  }

  private mutating func quoted() -> String? {
    guard let quote = peek(), quote == UInt8(ascii: "'") || quote == UInt8(ascii: "\"") else { return nil }
    offset += 1
    let start = offset
    while offset < text.count, text[offset] != quote {
      guard text[offset] != UInt8(ascii: "\\") else { return nil }
      offset += 1
    }
    guard offset < text.count else { return nil }
    defer { offset += 1 }
    return String(validating: text[start..<offset], as: UTF8.self)
  }

  private mutating func word(_ word: String) -> Bool {
    guard text[offset...].starts(with: word.utf8) else { return false }
    offset += word.utf8.count
    return true
  }

  private mutating func skip(_ character: Unicode.Scalar) -> Bool {
    guard let next = peek(), next == UInt8(ascii: character) else { return false }
    offset += 1
    return true
  }

  private mutating func skipSpace() {
    while offset < text.count, [0x20, 0x09, 0x0A, 0x0D].contains(text[offset]) { offset += 1 }
  }

  private mutating func peek() -> UInt8? {
    skipSpace()
    return offset < text.count ? text[offset] : nil
  }
}
