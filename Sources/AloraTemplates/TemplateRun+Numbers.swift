internal import AloraSystem

/// Filters that make numbers, or texts of them.
extension TemplateRun {
  func number(
    _ value: TemplateValue, _ filter: TemplateFilter, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    let value = value.plain
    switch filter {
    case .round: return try rounded(value, arguments, line)
    case .filesizeformat:
      let isBinary = arguments.value(0, "binary")?.isTrue ?? false
      guard let count = Self.float(value), let text = Self.byteCountText(count, isBinary: isBinary) else {
        throw failure(line, "'filesizeformat' takes a number")
      }
      return .string(text)
    case .abs:
      if let whole = value.whole {
        guard whole != .min else { throw failure(line, "a number becomes too large") }
        return .integer(abs(whole))
      }
      guard let number = value.numeric else { throw failure(line, "'abs' takes a number") }
      return .number(number.magnitude)
    case .int: return try wholeNumber(value, arguments, line)
    default:
      if case .undefined(let name) = value { throw failure(line, "'\(name)' is undefined, not a number") }
      if let number = Self.float(value) { return .number(number) }
      return arguments.value(0, "default") ?? .number(0)
    }
  }

  private func wholeNumber(
    _ value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    if let whole = value.whole { return .integer(whole) }
    var read: Double?
    switch value {
    case .undefined(let name): throw failure(line, "'\(name)' is undefined, not a number")
    case .number(let given):
      guard !given.isInfinite else { throw failure(line, "infinity can't become a whole number") }
      read = given
    case .string(let text):
      // A base that is not a number reads nothing.
      if let base = (arguments.value(1, "base") ?? .integer(10)).whole,
        let (whole, overflow) = PythonText.whole(text, base: base)
      {
        guard !overflow else { throw failure(line, "a number becomes too large") }
        return .integer(whole)
      }
      read = PythonText.number(text)
    default: break
    }
    guard let number = read, number.isFinite else { return arguments.value(0, "default") ?? .integer(0) }
    guard let truncated = Int(exactly: number.rounded(.towardZero)) else {
      throw failure(line, "a number becomes too large")
    }
    return .integer(truncated)
  }

  /// As Python's `float`.
  private static func float(_ value: TemplateValue) -> Double? {
    if case .string(let text) = value { return PythonText.number(text) }
    return value.numeric
  }

  private func rounded(
    _ value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    let method = arguments.value(1, "method")?.plain ?? .string("common")
    guard case .string(let method) = method, ["common", "ceil", "floor"].contains(method) else {
      throw failure(line, "'round' takes common, ceil or floor as method")
    }
    guard let number = value.numeric else { throw failure(line, "'round' takes a number") }
    let precision = arguments.value(0, "precision") ?? .integer(0)
    if method == "common", case .none = precision {
      if let whole = value.whole { return .integer(whole) }
      return .integer(try integer(number.rounded(.toNearestOrEven), line))
    }
    let places = try whole(precision, "precision", of: "round", line)
    if method == "common" {
      if let whole = value.whole {
        guard let result = Self.rounded(whole, places: places) else {
          throw failure(line, "a number becomes too large")
        }
        return .integer(result)
      }
      guard number.isFinite, places < 400, number != 0 else { return .number(number) }
      guard places > -400 else { return .number(number.sign == .minus ? -0.0 : 0.0) }
      var digits = DecimalDigits(number)
      digits.round(places: places)
      let text = digits.digits.isEmpty ? "0" : String(decoding: digits.digits.map { $0 + 0x30 }, as: UTF8.self)
      let magnitude = Double("\(text)e\(digits.point - digits.digits.count)") ?? 0
      guard magnitude.isFinite else { throw failure(line, "a number becomes too large") }
      return .number(Double(signOf: number, magnitudeOf: magnitude))
    }
    guard places.magnitude < 400 else { throw failure(line, "'round' takes a precision below 400 here") }
    let scale = pow(10, Double(places))
    let scaled = number * scale
    let result = scaled.rounded(method == "ceil" ? .up : .down)
    guard result.isFinite, scale.isFinite, scale > 0 else { throw failure(line, "a number becomes too large") }
    return .number((result == 0 ? 0 : result) / scale)
  }

  private func integer(_ number: Double, _ line: Int) throws(TemplateError) -> Int {
    guard let whole = Int(exactly: number) else { throw failure(line, "a number becomes too large") }
    return whole
  }

  /// Half to even; nil if it needs more than 64 bits.
  private static func rounded(_ value: Int, places: Int) -> Int? {
    guard places < 0 else { return value }
    guard places > -20 else { return 0 }
    // 10 to the 19 fits.
    let unit = repeatElement(10 as UInt, count: -places).reduce(1, *)
    var (quotient, remainder) = value.magnitude.quotientAndRemainder(dividingBy: unit)
    if remainder > unit - remainder || remainder == unit - remainder && quotient % 2 == 1 { quotient += 1 }
    let magnitude = Int(exactly: quotient * unit)
    return value < 0 ? magnitude.map { -$0 } : magnitude
  }

  /// Nil for what is not a number.
  private static func byteCountText(_ count: Double, isBinary: Bool) -> String? {
    let base: Double = isBinary ? 1024 : 1000
    let units = "kMGTPEZY".map { isBinary ? "\($0.uppercased())iB" : "\($0)B" }
    if count == 1 { return "1 Byte" }
    if count < base {
      guard let whole = Int(exactly: count.rounded(.towardZero)) else { return nil }
      return "\(whole) Bytes"
    }
    var unit = base * base
    for (index, name) in units.enumerated() {
      if count < unit || index == units.count - 1 {
        let number = base * count / unit
        let text = number.isFinite ? DecimalDigits.fixed(number, places: 1) : number.isNaN ? "nan" : "inf"
        return "\(text) \(name)"
      }
      unit *= base
    }
    return nil
  }
}
