/// Characters of texts that are kept as the bytes of valid UTF-8.
enum UTF8Text {
  /// How many bytes the character that begins with `lead` has.
  static func length(ofLead lead: UInt8) -> Int {
    lead < 0x80 ? 1 : lead < 0xE0 ? 2 : lead < 0xF0 ? 3 : 4
  }

  /// The character at `offset`, and its length in bytes. Both stay inside the text whatever its bytes are.
  static func scalar(in text: [UInt8], at offset: Int) -> (value: UInt32, byteCount: Int) {
    let lead = text[offset]
    if lead < 0x80 { return (UInt32(lead), 1) }
    let count = min(length(ofLead: lead), text.count - offset)
    var value = UInt32(lead) & (count == 2 ? 0x1F : count == 3 ? 0x0F : 0x07)
    for index in 1..<max(count, 1) { value = value << 6 | UInt32(text[offset + index] & 0x3F) }
    return (value, count)
  }

  /// The character that ends before `offset`, which is above 0.
  static func scalar(in text: [UInt8], before offset: Int) -> (value: UInt32, byteCount: Int) {
    var start = offset - 1
    while start > 0, text[start] & 0xC0 == 0x80, offset - start < 4 { start -= 1 }
    return scalar(in: text, at: start)
  }

  /// Unicode's `White_Space`, which has not changed for years.
  static func isWhiteSpace(_ scalar: UInt32) -> Bool {
    switch scalar {
    case 0x09...0x0D, 0x20, 0x85, 0xA0, 0x1680, 0x2000...0x200A, 0x2028, 0x2029, 0x202F, 0x205F, 0x3000: true
    default: false
    }
  }

  /// Whether `\w` matches a character: letters, marks, decimal digits, connectors and the two joiners.
  static func isWordCharacter(_ scalar: UInt32) -> Bool {
    if scalar < 0x80 {
      return switch UInt8(scalar) {
      case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
        UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"):
        true
      default: false
      }
    }
    guard let properties = Unicode.Scalar(scalar)?.properties else { return false }
    switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark, .decimalNumber, .connectorPunctuation: return true
    default: return properties.isAlphabetic || scalar == 0x200C || scalar == 0x200D
    }
  }

  static func encode(_ scalar: UInt32, into bytes: inout [UInt8]) {
    switch scalar {
    case 0..<0x80: bytes.append(UInt8(scalar))
    case 0x80..<0x800: bytes += [UInt8(0xC0 | scalar >> 6), UInt8(0x80 | scalar & 0x3F)]
    case 0x800..<0x10000:
      bytes += [UInt8(0xE0 | scalar >> 12), UInt8(0x80 | (scalar >> 6) & 0x3F), UInt8(0x80 | scalar & 0x3F)]
    default:
      bytes += [
        UInt8(0xF0 | (scalar >> 18) & 0x07), UInt8(0x80 | (scalar >> 12) & 0x3F), UInt8(0x80 | (scalar >> 6) & 0x3F),
        UInt8(0x80 | scalar & 0x3F),
      ]
    }
  }
}

extension Array where Element == UInt8 {
  func hasPrefix(_ prefix: [UInt8], at offset: Int, end: Int) -> Bool {
    guard prefix.count <= end - offset else { return false }
    for index in prefix.indices where self[offset + index] != prefix[index] { return false }
    return true
  }
}
