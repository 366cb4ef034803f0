/// A place where a text is not JSON. Units: bytes of the UTF-8 text.
struct JSONFault: Error {
  let byteOffset: Int
  let problem: String
}

/// Checks a text against RFC 8259 in one pass, and measures the tree that json-c makes of it.
///
/// What json-c accepts differs between its versions (0.18's strict mode refuses every character outside of ASCII), so this
/// scan alone decides what is valid, and json-c only sees texts that passed it. In a valid text, each colon outside a string
/// belongs to one member. The tree has fewer members only if a name occurs twice; names are compared one by one only then.
struct JSONScan {
  /// The largest nesting depth of lists and objects.
  static let depthLimit = 64

  private(set) var memberCount = 0
  private var listCount = 0
  private var objectCount = 0
  private var commaCount = 0
  /// Places that json-c would misread: the starts of escaped surrogate pairs that become U+FFFD (those of a character whose lower
  /// sixteen bits look like half of a pair themselves, `\ud837\udea8`), and the ends of integers of more than 64 bits.
  private(set) var misreadOffsets: [Int] = []

  private let allowsNonFinite: Bool
  private var offset = 0
  /// For each open container, whether it is an object.
  private var containers: [Bool] = []
  private var lastName: Range<Int>?

  private enum Expected { case value, firstElement, name, firstName, colon, separator, nothing }

  /// - Throws: if the text breaks the grammar, isn't UTF-8, nests too deeply, has half of a surrogate pair or a U+0000 in
  ///   a name.
  init(_ text: RawSpan, allowsNonFinite: Bool) throws(JSONFault) {
    self.allowsNonFinite = allowsNonFinite
    var expected = Expected.value
    while true {
      skipWhitespace(text)
      guard let byte = Self.byte(of: text, at: offset) else { break }
      expected = try step(expected, byte, text)
    }
    guard expected == .nothing else { throw unexpectedEnd(expected, text) }
  }

  private mutating func skipWhitespace(_ text: RawSpan) {
    while let byte = Self.byte(of: text, at: offset), byte == 0x20 || byte == 0x0A || byte == 0x0D || byte == 0x09 {
      offset += 1
    }
  }

  private mutating func step(_ expected: Expected, _ byte: UInt8, _ text: RawSpan) throws(JSONFault) -> Expected {
    switch expected {
    case .firstElement where byte == UInt8(ascii: "]"), .firstName where byte == UInt8(ascii: "}"): return close()
    case .value, .firstElement: return try value(byte, text)
    case .name, .firstName:
      guard byte == UInt8(ascii: "\"") else { break }
      let string = try self.string(text)
      guard !string.hasNUL else { throw fault(string.range.lowerBound - 1, "a member's name contains U+0000", text) }
      lastName = string.range
      return .colon
    case .colon:
      guard byte == UInt8(ascii: ":") else { break }
      memberCount += 1
      offset += 1
      return .value
    case .separator:
      guard let isObject = containers.last else { break }
      if byte == (isObject ? UInt8(ascii: "}") : UInt8(ascii: "]")) { return close() }
      guard byte == UInt8(ascii: ",") else { break }
      commaCount += 1
      offset += 1
      return isObject ? .name : .value
    case .nothing: break
    }
    throw unexpected(expected, byte, text)
  }

  private mutating func close() -> Expected {
    _ = containers.popLast()
    offset += 1
    return afterValue
  }

  private var afterValue: Expected { containers.isEmpty ? .nothing : .separator }

  private mutating func value(_ byte: UInt8, _ text: RawSpan) throws(JSONFault) -> Expected {
    switch byte {
    case UInt8(ascii: "\""): _ = try string(text)
    case UInt8(ascii: "["), UInt8(ascii: "{"):
      guard containers.count < Self.depthLimit else {
        throw fault(offset, "lists and objects nest more than \(Self.depthLimit) deep", text)
      }
      let isObject = byte == UInt8(ascii: "{")
      containers.append(isObject)
      if isObject { objectCount += 1 } else { listCount += 1 }
      offset += 1
      return isObject ? .firstName : .firstElement
    case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): try number(text)
    case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "a")...UInt8(ascii: "z"): try word(text)
    default: throw unexpected(.value, byte, text)
    }
    return afterValue
  }

  /// About what json-c's tree takes. Units: bytes.
  ///
  /// A text with two bytes per value becomes a tree hundreds of times as large. The numbers are those of json-c 0.16 on 64
  /// bits.
  var treeByteCount: Int {
    64 * (commaCount + listCount + objectCount) + 112 * memberCount + 160 * listCount + 832 * objectCount
  }
}

// MARK: - Scalars

extension JSONScan {
  private mutating func string(_ text: RawSpan) throws(JSONFault) -> (range: Range<Int>, hasNUL: Bool) {
    let start = offset + 1
    do throws(JSONFault) {
      let end = try JSONString.end(in: text, from: start) { misreadOffsets.append($0) }
      offset = end.offset + 1
      return (start..<end.offset, end.hasNUL)
    } catch { throw fault(error.byteOffset, error.problem, text) }
  }

  private mutating func word(_ text: RawSpan) throws(JSONFault) {
    let start = offset
    while let byte = Self.byte(of: text, at: offset),
      Self.isLetter(byte) || Self.isDigit(byte) || byte == UInt8(ascii: "_")
    {
      offset += 1
    }
    let word = offset - start <= 20 ? Self.string(of: text, in: start..<offset) : ""
    switch word {
    case "true", "false", "null": return
    case "NaN", "Infinity":
      if !allowsNonFinite { throw fault(start, "NaN and Infinity are not JSON", text) }
    default:
      let known = ["true": "true", "false": "false", "null": "null", "none": "null"][word.lowercased()]
      guard let known else { throw unexpected(.value, Self.byte(of: text, at: start) ?? 0, text, at: start) }
      throw fault(start, "\(word) is not JSON; write \(known)", text)
    }
  }

  private mutating func number(_ text: RawSpan) throws(JSONFault) {
    let isNegative = Self.byte(of: text, at: offset) == UInt8(ascii: "-")
    if isNegative { offset += 1 }
    if isNegative, Self.byte(of: text, at: offset) == UInt8(ascii: "I") {
      try word(text)
      return
    }
    let start = offset
    let (magnitude, isTooLong) = try digits(text, after: "the minus sign")
    if offset - start > 1, Self.byte(of: text, at: start) == UInt8(ascii: "0") {
      throw fault(start, "a number can't start with a zero before another digit", text)
    }
    var isInteger = true
    if Self.byte(of: text, at: offset) == UInt8(ascii: ".") {
      isInteger = false
      offset += 1
      _ = try digits(text, after: "the point")
    }
    if let byte = Self.byte(of: text, at: offset), byte | 0x20 == UInt8(ascii: "e") {
      isInteger = false
      offset += 1
      if let sign = Self.byte(of: text, at: offset), sign == UInt8(ascii: "+") || sign == UInt8(ascii: "-") {
        offset += 1
      }
      _ = try digits(text, after: "the exponent's 'e'")
    }
    // json-c would read the nearest number of 64 bits.
    if isInteger, isTooLong || isNegative && magnitude > Int.min.magnitude { misreadOffsets.append(offset) }
  }

  /// One digit or more.
  private mutating func digits(
    _ text: RawSpan, after place: String
  ) throws(JSONFault) -> (value: UInt, isTooLong: Bool) {
    var (value, isTooLong): (UInt, Bool) = (0, false)
    let start = offset
    while let byte = Self.byte(of: text, at: offset), Self.isDigit(byte) {
      let (product, overflow) = value.multipliedReportingOverflow(by: 10)
      let (sum, carry) = product.addingReportingOverflow(UInt(byte & 0x0F))
      isTooLong = isTooLong || overflow || carry
      value = sum
      offset += 1
    }
    guard offset > start else { throw fault(offset, "a digit must follow \(place)", text) }
    return (value, isTooLong)
  }
}

// MARK: - Problems

extension JSONScan {
  /// A problem with the name of the last member, which helps people find the line.
  private func fault(_ offset: Int, _ problem: String, _ text: RawSpan) -> JSONFault {
    let name = lastName.flatMap { $0.count <= 60 ? " (after '\(Self.string(of: text, in: $0))')" : nil } ?? ""
    return JSONFault(byteOffset: offset, problem: problem + name)
  }

  private func unexpected(
    _ expected: Expected, _ byte: UInt8, _ text: RawSpan, at place: Int? = nil
  ) -> JSONFault {
    let offset = place ?? self.offset
    let next = Self.byte(of: text, at: offset + 1)
    let found: String
    switch JSONString.scalar(in: text, at: offset) {
    case nil: return fault(offset, "the byte 0x\(String(byte, radix: 16)) is not UTF-8", text)
    case let scalar? where scalar.value < 0x20 || scalar.value == 0x7F || scalar.properties.isWhitespace:
      found = "the character \(JSONString.name(of: scalar))"
    case let scalar? where !scalar.isASCII: found = "'\(scalar)' (\(JSONString.name(of: scalar)))"
    case let scalar?: found = "'\(scalar)'"
    }
    let problem: String
    switch byte {
    case UInt8(ascii: "#"): problem = "JSON has no comments"
    case UInt8(ascii: "/") where next == UInt8(ascii: "/") || next == UInt8(ascii: "*"):
      problem = "JSON has no comments"
    case UInt8(ascii: "'"): problem = "strings need double quotes, not single ones"
    case UInt8(ascii: "]") where expected == .value && containers.last == false,
      UInt8(ascii: "}") where expected == .name:
      problem = "a comma can't come before \(found)"
    case UInt8(ascii: "+") where expected == .value, UInt8(ascii: ".") where expected == .value:
      problem = "a number can't start with \(found)"
    default:
      problem =
        expected == .nothing ? "\(found) follows the end of the value" : "expected \(words(expected)), found \(found)"
    }
    return fault(offset, problem, text)
  }

  private func unexpectedEnd(_ expected: Expected, _ text: RawSpan) -> JSONFault {
    if text.byteCount == 0 { return JSONFault(byteOffset: 0, problem: "the text is empty") }
    return fault(text.byteCount, "the text ends too early: expected \(words(expected))", text)
  }

  private func words(_ expected: Expected) -> String {
    switch expected {
    case .value: "a value"
    case .firstElement: "a value or ']'"
    case .name: "a name in double quotes"
    case .firstName: "a name in double quotes or '}'"
    case .colon: "':' after the name"
    case .separator: containers.last == true ? "',' or '}'" : "',' or ']'"
    case .nothing: "the end"
    }
  }
}

// MARK: - Bytes

extension JSONScan {
  static func byte(of text: RawSpan, at offset: Int) -> UInt8? {
    // Safe: the offset is never negative and is checked against the end.
    offset < text.byteCount ? unsafe text.unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self) : nil
  }

  static func string(of text: RawSpan, in range: Range<Int>) -> String {
    // Safe: both ends lie within the text.
    unsafe text.extracting(range).withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
  }

  private static func isDigit(_ byte: UInt8) -> Bool { byte >= 0x30 && byte <= 0x39 }

  private static func isLetter(_ byte: UInt8) -> Bool { byte | 0x20 >= 0x61 && byte | 0x20 <= 0x7A }
}
