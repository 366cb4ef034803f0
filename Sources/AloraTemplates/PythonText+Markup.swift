/// Texts of HTML, as the package markupsafe and Python's `html` have them.
extension PythonText {
  static func escaped(_ text: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result.add("&amp;")
      case "<": result.add("&lt;")
      case ">": result.add("&gt;")
      case "'": result.add("&#39;")
      case "\"": result.add("&#34;")
      default: result.append(scalar)
      }
    }
    return String(result)
  }

  /// Without tags and comments, with single spaces between words; character references are still in it.
  static func withoutTags(_ text: String) -> String {
    let scalars = Array(text.unicodeScalars)
    var result: [Unicode.Scalar] = []
    var position = 0
    /// The first place of `part` at or after `index`.
    func find(_ part: [Unicode.Scalar], from index: Int) -> Int? {
      guard index + part.count <= scalars.count else { return nil }
      return (index...(scalars.count - part.count)).first { scalars[$0..<($0 + part.count)].elementsEqual(part) }
    }
    while let open = scalars[position...].firstIndex(of: "<") {
      let isComment = scalars[open...].starts(with: "<!--".unicodeScalars)
      let end = isComment ? find(Array("-->".unicodeScalars), from: open + 4) : find([">"], from: open)
      guard let end else { break }
      result += scalars[position..<open]
      position = end + (isComment ? 3 : 1)
    }
    result += scalars[position...]
    return splitOnSpace(string(result), limit: -1).joined(separator: " ")
  }

  /// With characters for their references (`&lt;`, `&#60;`); nil if a name is not among those that are known here.
  ///
  /// Source: `html.unescape` of Python; the names are those that HTML has without `;`, and `apos`.
  static func unescaped(_ text: String) -> String? {
    let scalars = Array(text.unicodeScalars)
    var result = String.UnicodeScalarView()
    var index = 0
    while index < scalars.count {
      guard scalars[index] == "&" else {
        result.append(scalars[index])
        index += 1
        continue
      }
      if index + 1 < scalars.count, scalars[index + 1] == "#" {
        let (text, end) = numericReference(scalars, index)
        result.add(text)
        index = end
        continue
      }
      let name = scalars[(index + 1)...].prefix(32).prefix { !"\t\n\u{C} <&#;".unicodeScalars.contains($0) }
      let isClosed = name.endIndex < scalars.count && scalars[name.endIndex] == ";"
      let text = string(name)
      if isClosed, let code = references[text] ?? (text == "apos" ? 0x27 : nil), let scalar = Unicode.Scalar(code) {
        result.append(scalar)
        index = name.endIndex + 1
        continue
      }
      // A name that is known only with its `;` could be any of two thousand.
      let isName = text.utf8.allSatisfy { ($0 | 0x20) >= 0x61 && ($0 | 0x20) <= 0x7A || (0x30...0x39).contains($0) }
      if isClosed, !text.isEmpty, isName { return nil }
      var length = name.count
      while length >= 2, references[string(name.prefix(length))] == nil { length -= 1 }
      if length >= 2, let code = references[string(name.prefix(length))], let scalar = Unicode.Scalar(code) {
        result.append(scalar)
        index += 1 + length
      } else {
        result.append("&")
        index += 1
      }
    }
    return String(result)
  }

  /// What `&#…` at that index means, and where it ends.
  private static func numericReference(_ scalars: Scalars, _ start: Int) -> (text: String, end: Int) {
    var index = start + 2
    let isHexadecimal = index < scalars.count && (scalars[index] == "x" || scalars[index] == "X")
    if isHexadecimal { index += 1 }
    let first = index
    var code: UInt32 = 0
    while index < scalars.count, scalars[index].isASCII, let digit = Character(scalars[index]).hexDigitValue,
      isHexadecimal || digit < 10
    {
      code = min(code * (isHexadecimal ? 16 : 10) + UInt32(digit), 0x110000)
      index += 1
    }
    guard index > first else { return ("&", start + 1) }
    if index < scalars.count, scalars[index] == ";" { index += 1 }
    switch code {
    case 0, 0xD800...0xDFFF, 0x110000...: return ("\u{FFFD}", index)
    case 0x0D: return ("\r", index)
    case 0x80...0x9F: return (string(windows1252[Int(code) - 0x80].map { [$0] } ?? []), index)
    case 1...8, 0x0B, 0x0E...0x1F, 0x7F, 0xFDD0...0xFDEF: return ("", index)
    case _ where code & 0xFFFE == 0xFFFE: return ("", index)
    default: return (Unicode.Scalar(code).map { String($0) } ?? "", index)
    }
  }

  /// What browsers take 0x80 to 0x9F for.
  private static let windows1252: [Unicode.Scalar?] = [
    "€", "\u{81}", "‚", "ƒ", "„", "…", "†", "‡", "ˆ", "‰", "Š", "‹", "Œ", "\u{8D}", "Ž", "\u{8F}", "\u{90}", "‘", "’",
    "“", "”", "•", "–", "—", "˜", "™", "š", "›", "œ", "\u{9D}", "ž", "Ÿ",
  ]

  private static let references: [String: UInt32] = [
    "AElig": 0xC6, "AMP": 0x26, "Aacute": 0xC1, "Acirc": 0xC2, "Agrave": 0xC0, "Aring": 0xC5, "Atilde": 0xC3,
    "Auml": 0xC4, "COPY": 0xA9, "Ccedil": 0xC7, "ETH": 0xD0, "Eacute": 0xC9, "Ecirc": 0xCA, "Egrave": 0xC8,
    "Euml": 0xCB, "GT": 0x3E, "Iacute": 0xCD, "Icirc": 0xCE, "Igrave": 0xCC, "Iuml": 0xCF, "LT": 0x3C, "Ntilde": 0xD1,
    "Oacute": 0xD3, "Ocirc": 0xD4, "Ograve": 0xD2, "Oslash": 0xD8, "Otilde": 0xD5, "Ouml": 0xD6, "QUOT": 0x22,
    "REG": 0xAE, "THORN": 0xDE, "Uacute": 0xDA, "Ucirc": 0xDB, "Ugrave": 0xD9, "Uuml": 0xDC, "Yacute": 0xDD,
    "aacute": 0xE1, "acirc": 0xE2, "acute": 0xB4, "aelig": 0xE6, "agrave": 0xE0, "amp": 0x26, "aring": 0xE5,
    "atilde": 0xE3, "auml": 0xE4, "brvbar": 0xA6, "ccedil": 0xE7, "cedil": 0xB8, "cent": 0xA2, "copy": 0xA9,
    "curren": 0xA4, "deg": 0xB0, "divide": 0xF7, "eacute": 0xE9, "ecirc": 0xEA, "egrave": 0xE8, "eth": 0xF0,
    "euml": 0xEB, "frac12": 0xBD, "frac14": 0xBC, "frac34": 0xBE, "gt": 0x3E, "iacute": 0xED, "icirc": 0xEE,
    "iexcl": 0xA1, "igrave": 0xEC, "iquest": 0xBF, "iuml": 0xEF, "laquo": 0xAB, "lt": 0x3C, "macr": 0xAF,
    "micro": 0xB5, "middot": 0xB7, "nbsp": 0xA0, "not": 0xAC, "ntilde": 0xF1, "oacute": 0xF3, "ocirc": 0xF4,
    "ograve": 0xF2, "ordf": 0xAA, "ordm": 0xBA, "oslash": 0xF8, "otilde": 0xF5, "ouml": 0xF6, "para": 0xB6,
    "plusmn": 0xB1, "pound": 0xA3, "quot": 0x22, "raquo": 0xBB, "reg": 0xAE, "sect": 0xA7, "shy": 0xAD, "sup1": 0xB9,
    "sup2": 0xB2, "sup3": 0xB3, "szlig": 0xDF, "thorn": 0xFE, "times": 0xD7, "uacute": 0xFA, "ucirc": 0xFB,
    "ugrave": 0xF9, "uml": 0xA8, "uuml": 0xFC, "yacute": 0xFD, "yen": 0xA5, "yuml": 0xFF,
  ]

  /// As Python's `quote`: what is not a letter, a digit, one of `_.-~` or in `safe` is written as `%XX`.
  static func quoted(_ text: String, forQuery: Bool) -> String {
    var result: [UInt8] = []
    for byte in text.utf8 {
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: result.append(byte)
      case UInt8(ascii: "_"), UInt8(ascii: "."), UInt8(ascii: "-"), UInt8(ascii: "~"): result.append(byte)
      case UInt8(ascii: "/") where !forQuery: result.append(byte)
      case 0x20 where forQuery: result.append(UInt8(ascii: "+"))
      default:
        let digits = String(byte, radix: 16, uppercase: true)
        result += Array((digits.utf8.count < 2 ? "%0" : "%").utf8) + Array(digits.utf8)
      }
    }
    return String(decoding: result, as: UTF8.self)
  }
}
