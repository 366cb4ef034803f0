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

  /// The words between white space. After `limit` of them, the rest is one part.
  static func splitOnSpace(_ text: String, limit: Int) -> [String] {
    let scalars = Array(text.unicodeScalars)
    var parts: [String] = []
    var start = 0
    while true {
      while start < scalars.count, isSpace(scalars[start]) { start += 1 }
      guard start < scalars.count else { return parts }
      var end = scalars.count
      if limit < 0 || parts.count < limit { end = scalars[start...].firstIndex { isSpace($0) } ?? end }
      parts.append(string(scalars[start..<end]))
      start = end
    }
  }

  /// Python's `splitlines`.
  static func lines(_ text: String) -> [String] { lineRanges(text) { scalars, line, _ in string(scalars[line]) } }

  /// The same, each with its end.
  static func linesWithEnds(_ text: String) -> [String] { lineRanges(text) { string($0[$1.lowerBound..<$2]) } }

  /// The results of `line` for each line. It takes all characters, the line's range, and where the next line begins.
  private static func lineRanges(_ text: String, _ line: (Scalars, Range<Int>, Int) -> String) -> [String] {
    let scalars = Array(text.unicodeScalars)
    var lines: [String] = []
    var start = 0
    for index in scalars.indices where index >= start {
      switch scalars[index].value {
      case 0x0A...0x0D, 0x1C...0x1E, 0x85, 0x2028, 0x2029:
        let isPair = scalars[index] == "\r" && index + 1 < scalars.count && scalars[index + 1] == "\n"
        let next = index + (isPair ? 2 : 1)
        lines.append(line(scalars, start..<index, next))
        start = next
      default: break
      }
    }
    if start < scalars.count { lines.append(line(scalars, start..<scalars.count, scalars.count)) }
    return lines
  }

  /// The number of non-overlapping occurrences.
  static func count(of part: String, in text: String) -> Int {
    guard !part.isEmpty else { return text.unicodeScalars.count + 1 }
    let (bytes, searched) = (Array(text.utf8), SearchedBytes(Array(part.utf8)))
    var count = 0
    var start = 0
    while let range = searched.firstRange(in: bytes, from: start) {
      count += 1
      start = range.upperBound
    }
    return count
  }

  static func replaced(_ text: String, _ part: String, by other: String, limit: Int) -> String {
    guard part.isEmpty else { return split(text, by: part, limit: limit).joined(separator: other) }
    var result = String.UnicodeScalarView()
    var count = 0
    for scalar in text.unicodeScalars {
      if limit < 0 || count < limit { result.add(other) }
      count += 1
      result.append(scalar)
    }
    if limit < 0 || count < limit { result.add(other) }
    return String(result)
  }

  static func hasPrefix(_ text: String, _ prefix: String) -> Bool { text.utf8.starts(with: prefix.utf8) }
  static func hasSuffix(_ text: String, _ suffix: String) -> Bool {
    text.utf8.reversed().starts(with: suffix.utf8.reversed())
  }

  static func upper(_ text: String) -> String { text.unicodeScalars.map { $0.properties.uppercaseMapping }.joined() }

  static func lower(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    return scalars.indices.map { lower(scalars, at: $0) }.joined()
  }

  private static func lower(_ scalars: Scalars, at index: Int) -> String {
    guard scalars[index] == "\u{3A3}" else { return scalars[index].properties.lowercaseMapping }
    // A sigma ends a word if a letter comes before it and none after it, ignoring marks in between.
    let before = scalars[..<index].last { !$0.properties.isCaseIgnorable }
    guard before?.properties.isCased == true else { return "\u{3C3}" }
    let after = scalars[(index + 1)...].first { !$0.properties.isCaseIgnorable }
    return after?.properties.isCased == true ? "\u{3C3}" : "\u{3C2}"
  }

  static func capitalized(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    guard let first = scalars.first else { return text }
    return first.properties.titlecaseMapping + scalars.indices.dropFirst().map { lower(scalars, at: $0) }.joined()
  }

  /// With spaces on both sides. If their number and the width are odd, the left side has one more.
  static func centered(_ text: String, width: Int, fill: String = " ") -> String {
    let length = text.unicodeScalars.count
    let missing = max(0, width - length)
    let left = missing / 2 + (missing & width & 1)
    return String(repeating: fill, count: left) + text + String(repeating: fill, count: missing - left)
  }

  /// Python's `islower` and `isupper`: at least one letter has this case, and none has the other one.
  static func hasCase(_ text: String, isUpper: Bool) -> Bool {
    var found = false
    for scalar in text.unicodeScalars {
      let (upper, lower) = (scalar.properties.isUppercase, scalar.properties.isLowercase)
      if isUpper ? lower : upper { return false }
      if scalar.properties.generalCategory == .titlecaseLetter { return false }
      found = found || upper || lower
    }
    return found
  }

  /// Python's `title`: a character that isn't a letter ends a word.
  static func titled(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    var result = ""
    var followsLetter = false
    for (index, scalar) in scalars.enumerated() {
      result += followsLetter ? lower(scalars, at: index) : scalar.properties.titlecaseMapping
      followsLetter = scalar.properties.isCased
    }
    return result
  }

  /// Jinja's filter `title`: white space, dashes and opening brackets end a word.
  static func titledWords(_ text: String) -> String {
    func isBetween(_ scalar: Unicode.Scalar) -> Bool { isSpace(scalar) || "-({[<".unicodeScalars.contains(scalar) }
    let scalars = Array(text.unicodeScalars)
    var result = ""
    var start = 0
    while start < scalars.count {
      let startsBetween = isBetween(scalars[start])
      let end = scalars[start...].firstIndex { isBetween($0) != startsBetween } ?? scalars.count
      result += scalars[start].properties.uppercaseMapping + lower(string(scalars[(start + 1)..<end]))
      start = end
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
