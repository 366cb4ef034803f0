/// One conversion of a `%` format: `%-08.3f`.
struct PythonConversion {
  var isLeft = false
  var hasPlus = false
  var hasSpace = false
  var isAlternate = false
  var hasZeros = false
  var width = 0
  var precision: Int?
  var type: Unicode.Scalar = "s"

  /// A number's digits with its sign, as wide as asked for.
  func padded(_ digits: String, isNegative: Bool, prefix: String = "", zeros: Bool = true) -> String {
    let sign = (isNegative ? "-" : hasPlus ? "+" : hasSpace ? " " : "") + prefix
    let missing = max(0, width - sign.unicodeScalars.count - digits.unicodeScalars.count)
    if isLeft { return sign + digits + String(repeating: " ", count: missing) }
    if hasZeros, zeros { return sign + String(repeating: "0", count: missing) + digits }
    return String(repeating: " ", count: missing) + sign + digits
  }

  /// A text cut to the precision, as wide as asked for.
  func padded(_ text: String) -> String {
    let cut = precision.map { PythonText.string(text.unicodeScalars.prefix($0)) } ?? text
    let space = String(repeating: " ", count: max(0, width - cut.unicodeScalars.count))
    return isLeft ? cut + space : space + cut
  }

  /// A whole number as d, o, x or X write it.
  func text(of value: Int) -> String {
    let radix = type == "o" ? 8 : type == "x" || type == "X" ? 16 : 10
    var digits = String(value.magnitude, radix: radix, uppercase: type == "X")
    if let precision { digits = String(repeating: "0", count: max(0, precision - digits.utf8.count)) + digits }
    let prefix = isAlternate && radix != 10 ? "0\(type)" : ""
    return padded(digits, isNegative: value < 0, prefix: prefix)
  }

  /// A number as e, f or g write it.
  func text(of value: Double) -> String {
    let isUpper = type == "E" || type == "F" || type == "G"
    let isNegative = value.sign == .minus && !value.isNaN
    if !value.isFinite {
      let name = value.isNaN ? "nan" : "inf"
      return padded(isUpper ? name.uppercased() : name, isNegative: isNegative, zeros: true)
    }
    let places = precision ?? 6
    let digits =
      switch type {
      case "f", "F": DecimalDigits.fixed(value, places: places) + (isAlternate && places == 0 ? "." : "")
      case "e", "E": scientific(value, digitCount: places + 1, isUpper: isUpper)
      default: general(value, digitCount: max(places, 1), isUpper: isUpper)
      }
    return padded(digits, isNegative: isNegative)
  }

  private func scientific(_ value: Double, digitCount: Int, isUpper: Bool) -> String {
    let (digits, exponent) = DecimalDigits.scientific(value, digitCount: digitCount)
    return joined(digits, exponent, isUpper: isUpper)
  }

  private func joined(_ digits: [UInt8], _ exponent: Int, isUpper: Bool) -> String {
    var result = String(decoding: digits.prefix(1), as: UTF8.self)
    if digits.count > 1 || isAlternate { result += "." + String(decoding: digits.dropFirst(), as: UTF8.self) }
    let size = exponent.magnitude < 10 ? "0\(exponent.magnitude)" : "\(exponent.magnitude)"
    return result + (isUpper ? "E" : "e") + (exponent < 0 ? "-" : "+") + size
  }

  private func general(_ value: Double, digitCount: Int, isUpper: Bool) -> String {
    var (digits, exponent) = DecimalDigits.scientific(value, digitCount: digitCount)
    if !isAlternate { while digits.count > 1, digits.last == 0x30 { digits.removeLast() } }
    guard exponent >= -4, exponent < digitCount else { return joined(digits, exponent, isUpper: isUpper) }
    if exponent < 0 {
      return "0." + String(repeating: "0", count: -exponent - 1) + String(decoding: digits, as: UTF8.self)
    }
    while digits.count <= exponent { digits.append(0x30) }
    let whole = String(decoding: digits[...exponent], as: UTF8.self)
    let rest = digits[(exponent + 1)...]
    return rest.isEmpty ? whole + (isAlternate ? "." : "") : whole + "." + String(decoding: rest, as: UTF8.self)
  }
}

extension TemplateRun {
  /// Python's `%` of a text: `values` is a tuple of values, a dictionary for names, or one value.
  ///
  /// - Parameter escapes: whether texts are escaped, as in a text that is marked.
  mutating func formatted(
    _ format: String, with values: TemplateValue, escapes: Bool, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    var reader = FormatReader(scalars: Array(format.unicodeScalars))
    var arguments: [TemplateValue] = [values]
    if case .tuple(let elements) = values { arguments = elements }
    var next = 0
    func taken() throws(TemplateError) -> TemplateValue {
      guard next < arguments.count else { throw failure(line, "a format asks for more values than it is given") }
      next += 1
      return arguments[next - 1]
    }
    var result = BoundedText(limit: limits.outputByteCount)
    try scan(format, line)
    while let scalar = reader.next() {
      guard scalar == "%" else {
        result.add(String(scalar))
        continue
      }
      var conversion = PythonConversion()
      var named: TemplateValue?
      if reader.take("(") {
        guard case .dictionary(let members) = values.plain, let name = reader.name(), let value = members[name] else {
          throw failure(line, "a format's name is not in the dictionary that it is given")
        }
        named = value
        next = arguments.count
      }
      reader.readFlags(&conversion)
      if reader.take("*") {
        let width = try whole(try taken(), "width", of: "%", line)
        conversion.isLeft = conversion.isLeft || width < 0
        conversion.width = Int(clamping: width.magnitude)
      } else {
        conversion.width = reader.number() ?? 0
      }
      if reader.take(".") {
        conversion.precision =
          reader.take("*") ? max(0, try whole(try taken(), "precision", of: "%", line)) : reader.number() ?? 0
      }
      guard conversion.width <= limits.outputByteCount, conversion.precision ?? 0 <= limits.outputByteCount else {
        throw failure(line, "the template makes too long a text")
      }
      if reader.take("h") || reader.take("l") || reader.take("L") {}
      guard let type = reader.next() else { throw failure(line, "a format ends within a conversion") }
      conversion.type = type
      if type == "%" {
        result.add("%")
        continue
      }
      let value: TemplateValue
      if let named { value = named } else { value = try taken() }
      let text = try converted(value, by: conversion, escapes: escapes, line)
      try step(line, cost: 1 + text.utf8.count / 64)
      result.add(text)
      guard !result.isFull else { throw failure(line, "the template makes too long a text") }
    }
    // A list or dictionary may go unused.
    switch values.plain {
    case .list, .dictionary, .undefined: break
    default: guard next >= arguments.count else { throw failure(line, "a format is given more values than it uses") }
    }
    return try checked(result, line)
  }

  private mutating func converted(
    _ value: TemplateValue, by conversion: PythonConversion, escapes: Bool, _ line: Int
  ) throws(TemplateError) -> String {
    let plain = value.plain
    switch conversion.type {
    case "s":
      if escapes { return conversion.padded(try escaped(value, line)) }
      return conversion.padded(try text(of: value, line))
    case "r", "a":
      _ = try text(of: value, line)
      var representation = value.representation
      if conversion.type == "a" {
        guard representation.utf8.allSatisfy({ $0 < 0x80 }) else {
          throw failure(line, "'%a' takes ASCII here")
        }
      }
      if escapes { representation = PythonText.escaped(representation) }
      return conversion.padded(representation)
    case "c":
      if case .string(let text) = plain, text.unicodeScalars.count == 1 {
        var width = conversion
        width.precision = nil
        return width.padded(text)
      }
      guard let whole = plain.whole, let code = UInt32(exactly: whole), let scalar = Unicode.Scalar(code) else {
        throw failure(line, "'%c' takes a character or its number")
      }
      return conversion.padded(String(scalar))
    case "d", "i", "u":
      if let whole = plain.whole { return conversion.text(of: whole) }
      guard case .number(let number) = plain, number.isFinite,
        let whole = Int(exactly: number.rounded(.towardZero))
      else { throw failure(line, "'%d' takes a number") }
      return conversion.text(of: whole)
    case "o", "x", "X":
      guard let whole = plain.whole else { throw failure(line, "'%\(conversion.type)' takes a whole number") }
      return conversion.text(of: whole)
    case "e", "E", "f", "F", "g", "G":
      guard let number = plain.numeric else { throw failure(line, "'%\(conversion.type)' takes a number") }
      return conversion.text(of: number)
    default: throw failure(line, "the conversion '%\(conversion.type)' does not exist")
    }
  }
}

/// Reads a format from left to right.
private struct FormatReader {
  let scalars: [Unicode.Scalar]
  private var index = 0

  init(scalars: [Unicode.Scalar]) { self.scalars = scalars }

  mutating func next() -> Unicode.Scalar? {
    guard index < scalars.count else { return nil }
    index += 1
    return scalars[index - 1]
  }

  mutating func take(_ scalar: Unicode.Scalar) -> Bool {
    guard index < scalars.count, scalars[index] == scalar else { return false }
    index += 1
    return true
  }

  /// The name after `(`, whose own parentheses match.
  mutating func name() -> String? {
    let start = index
    var depth = 1
    while let scalar = next() {
      if scalar == "(" { depth += 1 }
      if scalar == ")" { depth -= 1 }
      if depth == 0 { return PythonText.string(scalars[start..<(index - 1)]) }
    }
    return nil
  }

  mutating func readFlags(_ conversion: inout PythonConversion) {
    while index < scalars.count {
      switch scalars[index] {
      case "-": conversion.isLeft = true
      case "+": conversion.hasPlus = true
      case " ": conversion.hasSpace = true
      case "#": conversion.isAlternate = true
      case "0": conversion.hasZeros = true
      default: return
      }
      index += 1
    }
  }

  /// Nil if no digit is next; a number is cut to one that is far too large for a width.
  mutating func number() -> Int? {
    var result: Int?
    while index < scalars.count, ("0"..."9").contains(scalars[index]) {
      result = min((result ?? 0) * 10 + Int(scalars[index].value - 0x30), .max / 20)
      index += 1
    }
    return result
  }
}
