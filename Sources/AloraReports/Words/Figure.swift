/// A readable number: rounded to a few significant digits, with an exponent only if it helps.
///
/// Made from the shortest decimal spelling, so that it doesn't depend on a C library.
package struct Figure: CustomStringConvertible, Sendable {
  package let description: String

  /// - Parameter digits: significant digits, at least 1.
  package init(_ value: Double, digits: Int = 3) {
    guard value.isFinite else {
      description = value.isNaN ? "NaN" : value < 0 ? "−∞" : "∞"
      return
    }
    guard value != 0 else {
      description = "0"
      return
    }
    let (rounded, exponent) = Self.rounded(value.magnitude, digits)
    description = (value < 0 ? "−" : "") + Self.text(rounded, exponent)
  }

  /// A number rounded up to one significant digit, as a tolerance that fits is proposed.
  package static func roundedUp(_ value: Double) -> String {
    guard value > 0, value.isFinite else { return Figure(value).description }
    let (digits, exponent) = rounded(value, 1)
    let digit = Int(digits[0])
    for next in [(digit, exponent), digit == 9 ? (1, exponent + 1) : (digit + 1, exponent)] {
      let spelling = "\(next.0)e\(next.1)"
      if let number = Double(spelling), number >= value { return Figure(number).description }
    }
    return Figure(value).description
  }

  /// A fraction as a percentage. Only 0 and 1 are shown as 0 % and 100 %.
  package static func percentage(_ part: Double) -> String {
    guard part >= 0, part <= 1 else { return Figure(part).description }
    if part > 0, part < 0.0005 { return "< 0.1 %" }
    if part < 1, part >= 0.9995 { return "> 99.9 %" }
    let tenths = Int((part * 1000).rounded())
    return "\(tenths / 10).\(tenths % 10) %"
  }

  /// With two decimal places, as logits are compared by eye.
  package static func hundredths(_ value: Double) -> String {
    guard value.magnitude < 1e6 else { return Figure(value).description }
    let hundredths = Int((value.magnitude * 100).rounded())
    let rest = hundredths % 100
    return "\(value < 0 && hundredths > 0 ? "−" : "")\(hundredths / 100).\(rest < 10 ? "0" : "")\(rest)"
  }

  /// The significant digits, and the power of ten of the first of them.
  private static func rounded(_ value: Double, _ count: Int) -> (digits: [UInt8], exponent: Int) {
    let spelling = "\(value)".lowercased().split(separator: "e")
    let parts = spelling[0].split(separator: ".", omittingEmptySubsequences: false)
    let fraction = parts.count > 1 ? parts[1] : ""
    var digits = (parts[0] + fraction).utf8.map { $0 - 48 }
    var exponent = parts[0].count - 1 + (spelling.count > 1 ? Int(spelling[1]) ?? 0 : 0)
    while digits.first == 0, digits.count > 1 {
      digits.removeFirst()
      exponent -= 1
    }
    guard digits.count > count else { return (digits, exponent) }
    let isRoundedUp = digits[count] >= 5
    digits.removeLast(digits.count - count)
    guard isRoundedUp else { return (digits, exponent) }
    var index = count - 1
    while index >= 0, digits[index] == 9 {
      digits[index] = 0
      index -= 1
    }
    guard index >= 0 else { return ([1], exponent + 1) }
    digits[index] += 1
    return (digits, exponent)
  }

  private static func text(_ all: [UInt8], _ exponent: Int) -> String {
    var digits = all
    while digits.last == 0, digits.count > 1 { digits.removeLast() }
    func spell(_ part: ArraySlice<UInt8>) -> String { part.map(String.init).joined() }
    if exponent < -3 || exponent > 5 {
      return spell(digits[..<1]) + (digits.count > 1 ? "." + spell(digits[1...]) : "") + "e\(exponent)"
    }
    if exponent < 0 { return "0." + String(repeating: "0", count: -exponent - 1) + spell(digits[...]) }
    guard digits.count > exponent + 1 else {
      return spell(digits[...]) + String(repeating: "0", count: exponent + 1 - digits.count)
    }
    return spell(digits[...exponent]) + "." + spell(digits[(exponent + 1)...])
  }
}
