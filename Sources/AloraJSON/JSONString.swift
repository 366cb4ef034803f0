/// The strings of a JSON text, in its bytes.
enum JSONString {
  /// The offset of the closing quote of the string that starts at `start`, and whether the string has a U+0000.
  ///
  /// - Parameter misread: gets the offset of each escaped pair that json-c would read as U+FFFD.
  static func end(
    in text: RawSpan, from start: Int, misread: (Int) -> Void = { _ in }
  ) throws(JSONFault) -> (offset: Int, hasNUL: Bool) {
    var offset = start
    var hasNUL = false
    while let byte = JSONScan.byte(of: text, at: offset) {
      if byte == UInt8(ascii: "\"") { return (offset, hasNUL) }
      if byte == UInt8(ascii: "\\") {
        let unit = try escape(in: text, at: offset)
        if unit.isPair, let low = escapedUnit(in: text, at: offset + 6) {
          if character(unit.value, low) & 0xF800 == 0xD800 { misread(offset) }
        }
        if unit.value == 0 { hasNUL = true }
        offset += unit.byteCount
      } else if byte < 0x20 {
        throw JSONFault(byteOffset: offset, problem: "a control character in a string must be escaped")
      } else if byte < 0x80 {
        offset += 1
      } else {
        guard let scalar = scalar(in: text, at: offset) else {
          throw JSONFault(byteOffset: offset, problem: "the byte 0x\(String(byte, radix: 16)) is not UTF-8")
        }
        offset += UTF8.width(scalar)
      }
    }
    throw JSONFault(byteOffset: start - 1, problem: "the string is not closed")
  }

  /// The escape that starts with the backslash at `offset`.
  private static func escape(
    in text: RawSpan, at offset: Int
  ) throws(JSONFault) -> (value: UInt16, isPair: Bool, byteCount: Int) {
    guard let byte = JSONScan.byte(of: text, at: offset + 1) else {
      throw JSONFault(byteOffset: offset, problem: "the string is not closed")
    }
    switch byte {
    case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
      UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
      return (UInt16(byte), false, 2)
    case UInt8(ascii: "u"):
      guard let unit = escapedUnit(in: text, at: offset) else {
        throw JSONFault(byteOffset: offset, problem: "four hexadecimal digits must follow '\\u'")
      }
      guard unit & 0xF800 == 0xD800 else { return (unit, false, 6) }
      guard unit & 0xFC00 == 0xD800, let low = escapedUnit(in: text, at: offset + 6), low & 0xFC00 == 0xDC00 else {
        throw JSONFault(byteOffset: offset, problem: "half of a surrogate pair is missing")
      }
      return (unit, true, 12)
    default:
      throw JSONFault(byteOffset: offset, problem: "a backslash may only come before one of \"\\/bfnrtu")
    }
  }

  /// The UTF-16 unit of a `\uXXXX` escape that starts at `offset`; nil for any other text.
  private static func escapedUnit(in text: RawSpan, at offset: Int) -> UInt16? {
    guard JSONScan.byte(of: text, at: offset) == UInt8(ascii: "\\"),
      JSONScan.byte(of: text, at: offset + 1) == UInt8(ascii: "u")
    else { return nil }
    var unit: UInt16 = 0
    for index in 2..<6 {
      guard let byte = JSONScan.byte(of: text, at: offset + index), let digit = hexadecimal(byte) else { return nil }
      unit = unit << 4 | digit
    }
    return unit
  }

  private static func hexadecimal(_ byte: UInt8) -> UInt16? {
    switch byte {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): UInt16(byte - UInt8(ascii: "0"))
    case UInt8(ascii: "a")...UInt8(ascii: "f"): UInt16(byte - UInt8(ascii: "a") + 10)
    case UInt8(ascii: "A")...UInt8(ascii: "F"): UInt16(byte - UInt8(ascii: "A") + 10)
    default: nil
    }
  }

  private static func character(_ high: UInt16, _ low: UInt16) -> UInt32 {
    0x10000 + (UInt32(high & 0x3FF) << 10 | UInt32(low & 0x3FF))
  }

  /// The character at `offset`, or nil if the bytes there are not UTF-8 (overlong and surrogates included).
  static func scalar(in text: RawSpan, at offset: Int) -> Unicode.Scalar? {
    guard let first = JSONScan.byte(of: text, at: offset) else { return nil }
    let count = first < 0x80 ? 1 : first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0
    guard count > 0 else { return nil }
    var value = count == 1 ? UInt32(first) : UInt32(first) & 0xFF >> (UInt32(count) + 1)
    for index in 1..<max(count, 1) {
      guard let byte = JSONScan.byte(of: text, at: offset + index), byte & 0xC0 == 0x80 else { return nil }
      value = value << 6 | UInt32(byte & 0x3F)
    }
    guard let scalar = Unicode.Scalar(value), UTF8.width(scalar) == count else { return nil }
    return scalar
  }

  /// `U+00A0`.
  static func name(of scalar: Unicode.Scalar) -> String {
    let digits = String(scalar.value, radix: 16, uppercase: true)
    return "U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
  }

  /// The text with the places that json-c would misread rewritten: a surrogate pair becomes the character itself, and an
  /// integer of more than 64 bits gets a fraction of zero.
  static func rewritten(_ text: RawSpan, at offsets: [Int]) -> [UInt8] {
    var result: [UInt8] = []
    result.reserveCapacity(text.byteCount + 2 * offsets.count)
    var done = 0
    for offset in offsets {
      // Safe: the scan found the offsets in this text, ascending, each pair with its twelve bytes.
      unsafe text.extracting(done..<offset).withUnsafeBytes { unsafe result += $0 }
      done = offset
      if let high = escapedUnit(in: text, at: offset), let low = escapedUnit(in: text, at: offset + 6),
        let scalar = Unicode.Scalar(character(high, low))
      {
        result += Array(String(Character(scalar)).utf8)
        done = offset + 12
      } else {
        result += [UInt8(ascii: "."), UInt8(ascii: "0")]
      }
    }
    unsafe text.extracting(done..<text.byteCount).withUnsafeBytes { unsafe result += $0 }
    return result
  }

  /// The first name that occurs twice in an object, with the place of its second occurrence. The text must be valid.
  static func firstDuplicate(in text: RawSpan) -> (name: String, byteOffset: Int)? {
    var seen: [Set<[UInt8]>] = []
    var last = 0..<0
    var offset = 0
    while let byte = JSONScan.byte(of: text, at: offset) {
      switch byte {
      case UInt8(ascii: "\""):
        guard let end = try? Self.end(in: text, from: offset + 1).offset else { return nil }
        last = offset..<(end + 1)
        offset = end
      case UInt8(ascii: "{"), UInt8(ascii: "["): seen.append([])
      case UInt8(ascii: "}"), UInt8(ascii: "]"): _ = seen.popLast()
      case UInt8(ascii: ":"):
        guard !seen.isEmpty, let name = unescaped(text, last) else { return nil }
        if !seen[seen.count - 1].insert(name).inserted {
          return (String(decoding: name, as: UTF8.self), last.lowerBound)
        }
      default: break
      }
      offset += 1
    }
    return nil
  }

  /// The bytes that the string in `range`, quotes included, stands for.
  private static func unescaped(_ text: RawSpan, _ range: Range<Int>) -> [UInt8]? {
    // Safe: both ends lie within the text.
    let bytes = unsafe text.extracting(range).withUnsafeBytes { unsafe [UInt8]($0) }
    guard bytes.contains(UInt8(ascii: "\\")) else { return Array(bytes.dropFirst().dropLast()) }
    return try? JSONDocument(parsing: unsafe bytes.span.bytes).root.utf8()
  }
}
