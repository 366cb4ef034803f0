/// Python's string operations, by characters of Unicode as Python has them.
enum PythonText {
  typealias Scalars = [Unicode.Scalar]

  static func string(_ scalars: some Sequence<Unicode.Scalar>) -> String {
    var view = String.UnicodeScalarView()
    view.append(contentsOf: scalars)
    return String(view)
  }

  static func isSpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar.properties.isWhitespace || (0x1C...0x1F).contains(scalar.value)
  }

  /// Without the characters at its ends that are in `characters`, or white space.
  static func stripped(_ text: String, _ characters: String?, left: Bool, right: Bool) -> String {
    let scalars = Array(text.unicodeScalars)
    let set = characters.map { Set($0.unicodeScalars) }
    func isStripped(_ scalar: Unicode.Scalar) -> Bool { set?.contains(scalar) ?? isSpace(scalar) }
    var (first, end) = (0, scalars.count)
    while left, first < end, isStripped(scalars[first]) { first += 1 }
    while right, end > first, isStripped(scalars[end - 1]) { end -= 1 }
    return string(scalars[first..<end])
  }

  /// The offsets of the first occurrence, in UTF-8.
  static func firstRange(of part: String, in text: String) -> Range<Int>? {
    SearchedBytes(Array(part.utf8)).firstRange(in: Array(text.utf8), from: 0)
  }

  /// `limit` occurrences at most; all of them for a negative one.
  static func split(_ text: String, by separator: String, limit: Int) -> [String] {
    let (bytes, part) = (Array(text.utf8), SearchedBytes(Array(separator.utf8)))
    var parts: [String] = []
    var start = 0
    while limit < 0 || parts.count < limit, let range = part.firstRange(in: bytes, from: start) {
      parts.append(String(decoding: bytes[start..<range.lowerBound], as: UTF8.self))
      start = range.upperBound
    }
    return parts + [String(decoding: bytes[start...], as: UTF8.self)]
  }

  static func splitOnSpace(_ text: String) -> [String] {
    text.unicodeScalars.split(whereSeparator: isSpace).map { string($0) }
  }

  static func replaced(_ text: String, _ part: String, by other: String, limit: Int) -> String {
    guard !part.isEmpty else { return text }
    return split(text, by: part, limit: limit).joined(separator: other)
  }

  static func hasPrefix(_ text: String, _ prefix: String) -> Bool { text.utf8.starts(with: prefix.utf8) }
  static func hasSuffix(_ text: String, _ suffix: String) -> Bool {
    text.utf8.reversed().starts(with: suffix.utf8.reversed())
  }

  static func upper(_ text: String) -> String { text.unicodeScalars.map { $0.properties.uppercaseMapping }.joined() }
  static func lower(_ text: String) -> String { text.unicodeScalars.map { $0.properties.lowercaseMapping }.joined() }
  static func capitalized(_ text: String) -> String {
    guard let first = text.unicodeScalars.first else { return text }
    return first.properties.titlecaseMapping + lower(string(text.unicodeScalars.dropFirst()))
  }

  static func titled(_ text: String) -> String {
    var result = ""
    var followsLetter = false
    for scalar in text.unicodeScalars {
      result += followsLetter ? scalar.properties.lowercaseMapping : scalar.properties.titlecaseMapping
      followsLetter = scalar.properties.isCased
    }
    return result
  }
}

extension String.UnicodeScalarView {
  /// Appends a text scalar by scalar: `append(contentsOf:)` makes room for just that text, and copies all before it each time.
  mutating func add(_ text: String) {
    for scalar in text.unicodeScalars { append(scalar) }
  }
}

/// Bytes that are searched for in a number of steps that the text bounds, whatever it repeats (Knuth, Morris, Pratt).
private struct SearchedBytes {
  private let bytes: [UInt8]
  /// For each prefix, the length of the longest part at its end that is a prefix, too.
  private let borders: [Int]

  init(_ bytes: [UInt8]) {
    self.bytes = bytes
    var borders = [Int](repeating: 0, count: bytes.count)
    var length = 0
    for index in bytes.indices.dropFirst() {
      while length > 0, bytes[index] != bytes[length] { length = borders[length - 1] }
      if bytes[index] == bytes[length] { length += 1 }
      borders[index] = length
    }
    self.borders = borders
  }

  func firstRange(in text: [UInt8], from start: Int) -> Range<Int>? {
    guard !bytes.isEmpty else { return start..<start }
    var length = 0
    for index in start..<text.count {
      while length > 0, text[index] != bytes[length] { length = borders[length - 1] }
      if text[index] == bytes[length] { length += 1 }
      if length == bytes.count { return (index + 1 - length)..<(index + 1) }
    }
    return nil
  }
}
