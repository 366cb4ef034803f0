internal import AloraSystem

/// Arithmetic and comparisons, as Python has them.
extension TemplateRun {
  mutating func arithmetic(
    _ left: TemplateValue, _ sign: TemplateOperator, _ right: TemplateValue, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    if let marked = try markedArithmetic(left, sign, right, line) { return marked }
    let (left, right) = (left.plain, right.plain)
    switch (left, sign, right) {
    case (.string(let format), .modulo, _):
      return try formatted(format, with: right, escapes: false, line)
    case (.string(let first), .plus, .string(let second)): return try checked(first + second, line)
    case (.list(let first), .plus, .list(let second)):
      return try measured(.list(try joined(first, second, line)), line)
    case (.tuple(let first), .plus, .tuple(let second)):
      return try measured(.tuple(try joined(first, second, line)), line)
    case (.list(let elements), .times, _), (_, .times, .list(let elements)):
      guard let count = left.whole ?? right.whole else { break }
      return try measured(.list(try repeated(elements, count, line)), line)
    case (.tuple(let elements), .times, _), (_, .times, .tuple(let elements)):
      guard let count = left.whole ?? right.whole else { break }
      return try measured(.tuple(try repeated(elements, count, line)), line)
    case (.string(let text), .times, _), (_, .times, .string(let text)):
      guard let count = left.whole ?? right.whole else { break }
      let (total, overflow) = text.utf8.count.multipliedReportingOverflow(by: max(count, 0))
      guard !overflow, total <= limits.outputByteCount else {
        throw failure(line, "the template's output is too long")
      }
      return try checked(String(repeating: text, count: text.isEmpty ? 0 : max(count, 0)), line)
    default: break
    }
    for value in [left, right] {
      if case .undefined(let name) = value { throw failure(line, "'\(name)' is undefined") }
    }
    if sign != .divide, let first = left.whole, let second = right.whole, sign != .power || second >= 0 {
      return .integer(try whole(first, sign, second, line))
    }
    guard let first = left.numeric, let second = right.numeric else {
      throw failure(
        line, "'\(sign.rawValue)' is not supported between values of type \(left.typeName) and \(right.typeName)")
    }
    switch sign {
    case .plus: return .number(first + second)
    case .minus: return .number(first - second)
    case .times: return .number(first * second)
    case .power:
      guard first != 0 || second >= 0 else { throw failure(line, "0 to a negative power") }
      guard first >= 0 || second.rounded() == second else { throw failure(line, "the power is not a real number") }
      let result = pow(first, second)
      guard result.isFinite || !first.isFinite || !second.isFinite else {
        throw failure(line, "a number becomes too large")
      }
      return .number(result)
    case .divide, .floorDivide, .modulo:
      guard second != 0 else { throw failure(line, "division by 0") }
      if sign == .divide { return .number(first / second) }
      let (quotient, remainder) = Self.dividedDown(first, second)
      return .number(sign == .floorDivide ? quotient : remainder)
    }
  }

  /// A quotient rounded down and what is left, each rounded as Python rounds them.
  ///
  /// Source: `_float_div_mod` of CPython's floatobject.c.
  private static func dividedDown(_ dividend: Double, _ divisor: Double) -> (quotient: Double, remainder: Double) {
    var remainder = dividend.truncatingRemainder(dividingBy: divisor)
    var quotient = (dividend - remainder) / divisor
    if remainder == 0 {
      remainder = Double(signOf: divisor, magnitudeOf: 0)
    } else if (remainder < 0) != (divisor < 0) {
      remainder += divisor
      quotient -= 1
    }
    guard quotient != 0 else { return (Double(signOf: dividend / divisor, magnitudeOf: 0), remainder) }
    let floor = quotient.rounded(.down)
    return (quotient - floor > 0.5 ? floor + 1 : floor, remainder)
  }

  /// Arithmetic with a text that is marked as escaped: it stays marked, and what is added to it is escaped.
  private mutating func markedArithmetic(
    _ left: TemplateValue, _ sign: TemplateOperator, _ right: TemplateValue, _ line: Int
  ) throws(TemplateError) -> TemplateValue? {
    switch (left, sign, right) {
    case (.markup(let first), .plus, .markup(let second)): return .markup(try checked(first + second, line).text)
    case (.markup(let first), .plus, .string(let second)):
      return .markup(try checked(first + PythonText.escaped(second), line).text)
    case (.string(let first), .plus, .markup(let second)):
      return .markup(try checked(PythonText.escaped(first) + second, line).text)
    case (.markup(let text), .times, _) where right.whole != nil:
      return .markup(try arithmetic(.string(text), sign, right, line).text)
    case (_, .times, .markup(let text)) where left.whole != nil:
      return .markup(try arithmetic(left, sign, .string(text), line).text)
    case (.markup(let format), .modulo, _):
      return .markup(try formatted(format, with: right, escapes: true, line).text)
    default: return nil
    }
  }

  /// By squaring; the second is not negative.
  private static func power(_ base: Int, _ exponent: Int) -> (Int, Bool) {
    if base == 0 || base == 1 { return (exponent == 0 ? 1 : base, false) }
    if base == -1 { return (exponent % 2 == 0 ? 1 : -1, false) }
    guard exponent < 64 else { return (0, true) }
    var result = 1
    for _ in 0..<exponent {
      let (product, overflow) = result.multipliedReportingOverflow(by: base)
      if overflow { return (0, true) }
      result = product
    }
    return (result, false)
  }

  private func joined(
    _ first: [TemplateValue], _ second: [TemplateValue], _ line: Int
  ) throws(TemplateError) -> [TemplateValue] {
    guard first.count + second.count <= limits.elementCount else { throw failure(line, "a list becomes too long") }
    return first + second
  }

  private mutating func repeated(
    _ elements: [TemplateValue], _ count: Int, _ line: Int
  ) throws(TemplateError) -> [TemplateValue] {
    let (total, overflow) = elements.count.multipliedReportingOverflow(by: max(count, 0))
    guard !overflow, total <= limits.elementCount else { throw failure(line, "a list becomes too long") }
    guard total > 0 else { return [] }
    try step(line, cost: total)
    var result: [TemplateValue] = []
    result.reserveCapacity(total)
    for _ in 0..<count { result += elements }
    return result
  }

  private func whole(_ left: Int, _ sign: TemplateOperator, _ right: Int, _ line: Int) throws(TemplateError) -> Int {
    let (result, overflow): (Int, Bool)
    switch sign {
    case .plus: (result, overflow) = left.addingReportingOverflow(right)
    case .minus: (result, overflow) = left.subtractingReportingOverflow(right)
    case .times: (result, overflow) = left.multipliedReportingOverflow(by: right)
    case .power: (result, overflow) = Self.power(left, right)
    case .divide, .floorDivide, .modulo:
      guard right != 0 else { throw failure(line, "division by 0") }
      let (quotient, tooLarge) = left.dividedReportingOverflow(by: right)
      let remainder = tooLarge ? 0 : left % right
      // Rounded down, as in Python.
      let isAbove = remainder != 0 && (remainder < 0) != (right < 0)
      result = sign == .modulo ? (isAbove ? remainder + right : remainder) : (isAbove ? quotient - 1 : quotient)
      overflow = tooLarge
    }
    guard !overflow else { throw failure(line, "a number becomes too large") }
    return result
  }

  mutating func compare(
    _ left: TemplateValue, _ comparison: TemplateComparison, _ right: TemplateValue, _ line: Int
  ) throws(TemplateError) -> Bool {
    let (left, right) = (left.plain, right.plain)
    _ = try measured(left, line)
    _ = try measured(right, line)
    if case .string(let first) = left, case .string(let second) = right {
      try scan(first.utf8.count < second.utf8.count ? first : second, line)
    }
    switch comparison {
    case .equal: return left.isEqual(to: right)
    case .unequal: return !left.isEqual(to: right)
    case .contained: return try contains(right, left, line)
    case .notContained: return !(try contains(right, left, line))
    default: break
    }
    guard let order = left.order(to: right) else {
      throw failure(
        line, "'\(comparison.rawValue)' is not supported between values of type \(left.typeName) and \(right.typeName)")
    }
    switch comparison {
    case .less: return order < 0
    case .lessOrEqual: return order <= 0
    case .greater: return order > 0
    default: return order >= 0
    }
  }

  private mutating func contains(
    _ container: TemplateValue, _ element: TemplateValue, _ line: Int
  ) throws(TemplateError) -> Bool {
    switch container {
    case .undefined: return false
    case .list(let elements), .tuple(let elements): return elements.contains { $0.isEqual(to: element) }
    case .generator(let number):
      // It is gone through up to the first one that is equal.
      let rest = try rest(of: number, line)
      _ = try measured(.list(rest), line)
      let place = rest.firstIndex { $0.isEqual(to: element) }
      generators[number] = place.map { Array(rest[($0 + 1)...]) } ?? []
      return place != nil
    case .dictionary(let members):
      try checkKey(element, line)
      return members[element] != nil
    case .string(let text):
      guard case .string(let part) = element else {
        throw failure(line, "'in' with a string takes a string, not a value of type \(element.typeName)")
      }
      try scan(text, line)
      return part.isEmpty || PythonText.firstRange(of: part, in: text) != nil
    default: throw failure(line, "'in' is not supported for a value of type \(container.typeName)")
    }
  }

  /// Python looks only for what can be a key in a dictionary.
  func checkKey(_ key: TemplateValue, _ line: Int) throws(TemplateError) {
    guard key.isHashable else { throw failure(line, "a value of type \(key.typeName) can't be a key") }
  }
}
