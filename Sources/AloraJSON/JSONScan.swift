/// One pass over the text for what json-c accepts and RFC 8259 doesn't.
///
/// In a valid JSON text, each colon outside a string belongs to one member, so counting them counts the members that
/// the text writes. json-c's tree has fewer exactly where a name came twice. Names are looked at one by one only then.
struct JSONScan {
  private(set) var memberCount = 0
  private var listCount = 0
  private var objectCount = 0
  private var commaCount = 0
  /// Where escaped surrogate pairs stand that json-c would read as U+FFFD: those of a character whose lower sixteen bits
  /// look like half of a pair themselves (json-c 0.16, `\ud837\udea8`).
  private(set) var misreadPairOffsets: [Int] = []

  /// - Throws: `malformed` for control characters, lone surrogates, single quotes, bare words other than true, false and
  ///   null, a point without a digit after it, and for U+0000 in a name.
  init(_ text: RawSpan, allowsNonFinite: Bool) throws(JSONError) {
    var offset = 0
    var stringHasNUL = false
    var lastString: Range<Int>?
    while let byte = Self.byte(of: text, at: offset) {
      switch byte {
      case UInt8(ascii: "\""):
        let start = offset + 1
        (offset, stringHasNUL) = try Self.checkString(in: text, from: start) { misreadPairOffsets.append($0) }
        lastString = start..<offset
      case UInt8(ascii: ":"):
        if stringHasNUL { throw Self.malformed(offset, "a member's name contains U+0000") }
        memberCount += 1
      case UInt8(ascii: ","): commaCount += 1
      case UInt8(ascii: "["): listCount += 1
      case UInt8(ascii: "{"): objectCount += 1
      case UInt8(ascii: "N") where !allowsNonFinite, UInt8(ascii: "I") where !allowsNonFinite:
        // Python writes them where a number has become one, so it matters which.
        let after = lastString.flatMap { $0.count <= 60 ? " (after '\(Self.string(of: text, in: $0))')" : nil } ?? ""
        throw Self.malformed(offset, "NaN and Infinity are not JSON\(after)")
      case UInt8(ascii: "'"):
        throw Self.malformed(offset, "strings stand in double quotes")
      case UInt8(ascii: "."):
        guard let next = Self.byte(of: text, at: offset + 1), (0x30...0x39).contains(next) else {
          throw Self.malformed(offset, "a digit has to follow the point")
        }
      // json-c takes a zero byte for the text's end.
      case 0..<0x20 where ![0x09, 0x0A, 0x0D].contains(byte):
        throw Self.malformed(offset, "a control character stands between values")
      default: break
      }
      offset += 1
    }
  }

  /// About what json-c's tree takes. Units: bytes.
  ///
  /// A text of two bytes a value becomes a tree that is hundreds of times as large; the numbers are json-c 0.16's on 64 bits.
  var treeByteCount: Int {
    64 * (commaCount + listCount + objectCount) + 112 * memberCount + 160 * listCount + 832 * objectCount
  }

  private static func malformed(_ offset: Int, _ problem: String) -> JSONError {
    JSONError(.malformed, path: nil, place: "byte \(offset)", problem: problem)
  }

  private static func string(of text: RawSpan, in range: Range<Int>) -> String {
    // Safe: both ends lie within the text.
    unsafe text.extracting(range).withUnsafeBytes { unsafe String(decoding: $0, as: UTF8.self) }
  }

  private static func byte(of text: RawSpan, at offset: Int) -> UInt8? {
    // Safe: the offset is never negative and is checked against the end.
    offset < text.byteCount ? unsafe text.unsafeLoad(fromUncheckedByteOffset: offset, as: UInt8.self) : nil
  }

  /// The offset of the closing quote, and whether the string holds U+0000.
  private static func checkString(
    in text: RawSpan, from start: Int, misread: (Int) -> Void = { _ in }
  ) throws(JSONError) -> (end: Int, hasNUL: Bool) {
    var offset = start
    var hasNUL = false
    while let byte = byte(of: text, at: offset) {
      if byte == UInt8(ascii: "\"") { return (offset, hasNUL) }
      if byte < 0x20 { throw malformed(offset, "a control character in a string must be escaped") }
      if byte == UInt8(ascii: "\\") {
        if let unit = escapedUnit(in: text, at: offset) {
          if unit == 0 { hasNUL = true }
          if unit & 0xFC00 == 0xD800, let low = escapedUnit(in: text, at: offset + 6), low & 0xFC00 == 0xDC00 {
            if character(unit, low) & 0xF800 == 0xD800 { misread(offset) }
            offset += 6
          } else if unit & 0xF800 == 0xD800 {
            throw malformed(offset, "half of a surrogate pair stands alone")
          }
        }
        offset += 1
      }
      offset += 1
    }
    throw malformed(start - 1, "the string has no end")
  }

  private static func character(_ high: UInt16, _ low: UInt16) -> UInt32 {
    0x10000 + (UInt32(high & 0x3FF) << 10 | UInt32(low & 0x3FF))
  }

  /// The text with the pairs at `misreadPairOffsets` written as the characters themselves.
  func rewritten(_ text: RawSpan) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.byteCount)
    var done = 0
    for offset in misreadPairOffsets {
      // Safe: the offsets were found in this text, ascending, with the twelve bytes of a pair behind each.
      unsafe text.extracting(done..<offset).withUnsafeBytes { unsafe result += $0 }
      done = offset
      guard let high = Self.escapedUnit(in: text, at: offset), let low = Self.escapedUnit(in: text, at: offset + 6),
        let scalar = Unicode.Scalar(Self.character(high, low))
      else { continue }
      result += Array(String(Character(scalar)).utf8)
      done = offset + 12
    }
    unsafe text.extracting(done..<text.byteCount).withUnsafeBytes { unsafe result += $0 }
    return result
  }

  /// The UTF-16 unit of a `\uXXXX` escape that starts at `offset`; nil for any other text.
  private static func escapedUnit(in text: RawSpan, at offset: Int) -> UInt16? {
    guard byte(of: text, at: offset) == UInt8(ascii: "\\"), byte(of: text, at: offset + 1) == UInt8(ascii: "u") else {
      return nil
    }
    var unit: UInt16 = 0
    for index in 2..<6 {
      guard let digit = byte(of: text, at: offset + index).flatMap({ Character(Unicode.Scalar($0)).hexDigitValue })
      else {
        return nil
      }
      unit = unit << 4 | UInt16(digit)
    }
    return unit
  }

  /// The first name that comes twice in one object, spelled as in the text, with the place of its second occurrence.
  func firstDuplicate(in text: RawSpan) -> (name: String, byteOffset: Int)? {
    var seen: [Set<[UInt8]>] = []
    var lastString: (bytes: [UInt8], offset: Int) = ([], 0)
    var offset = 0
    while let byte = Self.byte(of: text, at: offset) {
      switch byte {
      case UInt8(ascii: "\""):
        guard let end = try? Self.checkString(in: text, from: offset + 1).end else { return nil }
        // Safe: both ends lie within the text.
        let bytes = unsafe text.extracting((offset + 1)..<end).withUnsafeBytes { unsafe [UInt8]($0) }
        lastString = (bytes, offset)
        offset = end
      case UInt8(ascii: "{"), UInt8(ascii: "["): seen.append([])
      case UInt8(ascii: "}"), UInt8(ascii: "]"): _ = seen.popLast()
      case UInt8(ascii: ":"):
        guard !seen.isEmpty else { return nil }
        if !seen[seen.count - 1].insert(lastString.bytes).inserted {
          return (String(decoding: lastString.bytes, as: UTF8.self), lastString.offset)
        }
      default: break
      }
      offset += 1
    }
    return nil
  }
}
