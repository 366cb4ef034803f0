/// The numbers that Python reads in texts.
extension PythonText {
  /// The text with ASCII digits for the digits of every script, and without surrounding white space; nil if it contains
  /// anything else.
  private static func plain(_ text: String) -> [UInt8]? {
    var result: [UInt8] = []
    for scalar in text.unicodeScalars {
      if scalar.isASCII {
        result.append(UInt8(scalar.value))
      } else if isSpace(scalar) {
        result.append(0x20)
      } else if scalar.properties.numericType == .decimal, let value = scalar.properties.numericValue,
        let digit = UInt8(exactly: value), digit < 10
      {
        result.append(0x30 + digit)
      } else {
        return nil
      }
    }
    func isBlank(_ byte: UInt8) -> Bool { byte == 0x20 || (0x09...0x0D).contains(byte) }
    let start = result.firstIndex { !isBlank($0) } ?? result.count
    let end = result.lastIndex { !isBlank($0) }.map { $0 + 1 } ?? result.count
    return Array(result[start..<end])
  }

  /// Python's `int` with this base; nil if that would fail. Reports an overflow if the number doesn't fit in 64 bits.
  static func whole(_ text: String, base: Int) -> (value: Int, overflow: Bool)? {
    guard base == 0 || (2...36).contains(base), let bytes = plain(text) else { return nil }
    var rest = bytes[...]
    let isNegative = rest.first == UInt8(ascii: "-")
    if isNegative || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
    var radix = base
    if rest.first == UInt8(ascii: "0"), let mark = rest.dropFirst().first {
      let marked = mark | 0x20 == UInt8(ascii: "x") ? 16 : mark | 0x20 == UInt8(ascii: "o") ? 8 : 2
      let isMark = marked != 2 || mark | 0x20 == UInt8(ascii: "b")
      if isMark, base == 0 || base == marked {
        radix = marked
        rest = rest.dropFirst(2)
        if rest.first == UInt8(ascii: "_") { rest = rest.dropFirst() }
      } else if base == 0, rest.contains(where: { $0 != UInt8(ascii: "0") && $0 != UInt8(ascii: "_") }) {
        // Without a base, a number does not begin with 0.
        return nil
      }
    }
    if radix == 0 { radix = 10 }
    var (value, overflow) = (0, false)
    var followsDigit = false
    for byte in rest {
      if byte == UInt8(ascii: "_"), followsDigit {
        followsDigit = false
        continue
      }
      guard let digit = Character(Unicode.Scalar(byte)).hexDigitValue ?? letterValue(byte), digit < radix else {
        return nil
      }
      let (product, isTooLarge) = value.multipliedReportingOverflow(by: radix)
      let (sum, isAbove) =
        isNegative ? product.subtractingReportingOverflow(digit) : product.addingReportingOverflow(digit)
      value = sum
      overflow = overflow || isTooLarge || isAbove
      followsDigit = true
    }
    return followsDigit ? (value: value, overflow: overflow) : nil
  }

  /// 10 to 35 for a letter.
  private static func letterValue(_ byte: UInt8) -> Int? {
    let letter = byte | 0x20
    return (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(letter) ? Int(letter - UInt8(ascii: "a")) + 10 : nil
  }

  /// Python's `float`; nil if that would fail.
  static func number(_ text: String) -> Double? {
    guard let bytes = plain(text) else { return nil }
    var rest = bytes[...]
    let isNegative = rest.first == UInt8(ascii: "-")
    if isNegative || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
    switch String(decoding: rest, as: UTF8.self).lowercased() {
    case "inf", "infinity": return isNegative ? -Double.infinity : Double.infinity
    case "nan": return Double.nan
    default: break
    }
    // The digits at the start, with single underscores between them; nil if one ends them.
    func takeDigits() -> String? {
      var digits = ""
      var endsInUnderscore = false
      while let byte = rest.first {
        if (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) {
          digits.unicodeScalars.append(Unicode.Scalar(byte))
          endsInUnderscore = false
        } else if byte == UInt8(ascii: "_"), !digits.isEmpty, !endsInUnderscore {
          endsInUnderscore = true
        } else {
          break
        }
        rest = rest.dropFirst()
      }
      return endsInUnderscore ? nil : digits
    }
    guard let whole = takeDigits() else { return nil }
    var fraction = ""
    if rest.first == UInt8(ascii: ".") {
      rest = rest.dropFirst()
      guard let digits = takeDigits() else { return nil }
      fraction = digits
    }
    guard !whole.isEmpty || !fraction.isEmpty else { return nil }
    var exponent = "0"
    if let mark = rest.first, mark | 0x20 == UInt8(ascii: "e") {
      rest = rest.dropFirst()
      var sign = ""
      if rest.first == UInt8(ascii: "-") { sign = "-" }
      if rest.first == UInt8(ascii: "-") || rest.first == UInt8(ascii: "+") { rest = rest.dropFirst() }
      guard let digits = takeDigits(), !digits.isEmpty else { return nil }
      exponent = sign + digits
    }
    guard rest.isEmpty else { return nil }
    // Adding a 0 on both sides of the point changes nothing, and neither side is empty then.
    return Double("\(isNegative ? "-" : "")0\(whole).\(fraction)0e\(exponent)")
  }
}
