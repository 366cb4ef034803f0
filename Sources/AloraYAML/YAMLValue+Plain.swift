extension YAMLValue {
  static let nulls: Set<String> = ["", "~", "null", "Null", "NULL"]
  private static let truths = spellings("yes", "true", "on")
  private static let falsehoods = spellings("no", "false", "off")

  /// As PyYAML accepts them: small letters, a capital first letter, or capitals.
  private static func spellings(_ words: String...) -> Set<String> {
    Set(words.flatMap { [$0, $0.prefix(1).uppercased() + $0.dropFirst(), $0.uppercased()] })
  }

  /// What a scalar without quotes means: YAML 1.1, as PyYAML's `safe_load` reads it.
  ///
  /// `yes` and `off` are booleans, `1:30` is 90, `1_000` is 1000, `010` is 8, and `1e3` is text.
  /// Source: PyYAML's `resolver.py` and `constructor.py`.
  init(plain text: String) {
    if Self.nulls.contains(text) {
      self = .null
    } else if Self.truths.contains(text) {
      self = .boolean(true)
    } else if Self.falsehoods.contains(text) {
      self = .boolean(false)
    } else if let number = Self.number(text) {
      self = number
    } else if Self.isTimestamp(text) {
      self = .timestamp(text)
    } else {
      self = .text(text)
    }
  }

  private static func number(_ text: String) -> YAMLValue? {
    let isNegative = text.first == "-"
    let digits = text.first == "-" || text.first == "+" ? text.dropFirst() : Substring(text)
    if [".inf", ".Inf", ".INF"].contains(digits) { return .number(isNegative ? -.infinity : .infinity) }
    if [".nan", ".NaN", ".NAN"].contains(text) { return .number(.nan) }
    guard let first = digits.utf8.first, first == UInt8(ascii: ".") || isDigit(first) else { return nil }
    if digits.contains(":") { return sixties(digits, isNegative) }
    if digits.contains(".") { return fraction(digits, isNegative) }
    let plain = digits.filter { $0 != "_" }
    func integer(_ digits: Substring, radix: Int) -> YAMLValue? {
      // A larger one is an integer in Python, and nothing here needs it.
      guard digits.allSatisfy({ $0.isHexDigit }), let value = Int(digits, radix: radix) else { return nil }
      return .integer(isNegative ? -value : value)
    }
    if plain.hasPrefix("0b") { return integer(plain.dropFirst(2), radix: 2) }
    if plain.hasPrefix("0x") { return integer(plain.dropFirst(2), radix: 16) }
    if plain.count > 1, plain.hasPrefix("0") { return integer(plain.dropFirst(), radix: 8) }
    return integer(plain[...], radix: 10)
  }

  private static func isDigit(_ byte: UInt8) -> Bool { (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte) }

  /// A number with a point. An exponent needs a sign.
  private static func fraction(_ digits: Substring, _ isNegative: Bool) -> YAMLValue? {
    let plain = digits.filter { $0 != "_" }
    let parts = plain.split(separator: "e", omittingEmptySubsequences: false).flatMap {
      $0.split(separator: "E", omittingEmptySubsequences: false)
    }
    guard let mantissa = parts.first, parts.count <= 2, mantissa.count(where: { $0 == "." }) == 1,
      mantissa.utf8.allSatisfy({ isDigit($0) || $0 == UInt8(ascii: ".") }), mantissa != "."
    else { return nil }
    if parts.count == 2 {
      guard let sign = parts[1].first, sign == "+" || sign == "-", parts[1].count > 1,
        parts[1].dropFirst().utf8.allSatisfy(isDigit)
      else { return nil }
    }
    let padded = (mantissa.first == "." ? "0" : "") + mantissa + (mantissa.last == "." ? "0" : "")
    return Double(padded + (parts.count == 2 ? "e" + parts[1] : "")).map { .number(isNegative ? -$0 : $0) }
  }

  /// A number in base 60: `1:30`, `1:30.5`.
  private static func sixties(_ digits: Substring, _ isNegative: Bool) -> YAMLValue? {
    let whole = digits.split(separator: ".", omittingEmptySubsequences: false)
    let parts = whole[0].split(separator: ":", omittingEmptySubsequences: false)
    let isFraction = whole.count == 2
    guard whole.count <= 2, parts.count >= 2,
      parts[0].utf8.allSatisfy({ isDigit($0) || $0 == UInt8(ascii: "_") }),
      isFraction || parts[0].first != "0",
      parts.dropFirst().allSatisfy({ part in
        (1...2).contains(part.utf8.count) && part.utf8.allSatisfy(isDigit) && (Int(part) ?? 60) < 60
      }), !isFraction || whole[1].utf8.allSatisfy({ isDigit($0) || $0 == UInt8(ascii: "_") })
    else { return nil }
    var value = 0
    for part in parts {
      guard let digit = Int(part.filter { $0 != "_" }) else { return nil }
      let product = value.multipliedReportingOverflow(by: 60)
      let sum = product.partialValue.addingReportingOverflow(digit)
      guard !product.overflow, !sum.overflow else { return nil }
      value = sum.partialValue
    }
    guard isFraction else { return .integer(isNegative ? -value : value) }
    guard let rest = Double("0." + whole[1].filter { $0 != "_" } + "0") else { return nil }
    let number = Double(value) + rest
    return .number(isNegative ? -number : number)
  }

  /// A date, or a date and a time.
  private static func isTimestamp(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    func isNumber(_ range: Range<Int>) -> Bool { bytes[range].allSatisfy(isDigit) }
    guard bytes.count >= 8, isNumber(0..<4), bytes[4] == UInt8(ascii: "-") else { return false }
    if bytes.count == 10, isNumber(5..<7), bytes[7] == UInt8(ascii: "-"), isNumber(8..<10) { return true }
    let parts = text.split(whereSeparator: { "-Tt \t:".contains($0) })
    return parts.count >= 6 && text.contains(":") && parts.prefix(5).allSatisfy { $0.utf8.allSatisfy(isDigit) }
  }
}
