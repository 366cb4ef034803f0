/// A decimal number of bounded length.
struct SchemaDecimal: Hashable, Sendable {
  var isNegative: Bool
  /// Digits before the point, at least one, without zeros in front.
  var whole: [UInt8]
  /// Digits after the point, without zeros at the end.
  var fraction: [UInt8]

  static let zero = SchemaDecimal(isNegative: false, whole: [0], fraction: [])
  var isZero: Bool { whole == [0] && fraction.isEmpty }
  var isWhole: Bool { fraction.isEmpty }
  var magnitude: SchemaDecimal { SchemaDecimal(isNegative: false, whole: whole, fraction: fraction) }

  private init(isNegative: Bool, whole: [UInt8], fraction: [UInt8]) {
    (self.isNegative, self.whole, self.fraction) = (isNegative, whole, fraction)
  }

  /// A number as JSON writes it; nil for one of more than 40 digits on a side of the point.
  init?(_ text: String) {
    var rest = Substring(text)
    let isNegative = rest.first == "-"
    if isNegative { rest = rest.dropFirst() }
    let parts = rest.split(omittingEmptySubsequences: false) { $0 == "e" || $0 == "E" }
    guard let exponent = parts.count > 1 ? Int(parts[1]) : 0, exponent.magnitude <= 400 else { return nil }
    let sides = parts[0].split(separator: ".", omittingEmptySubsequences: false)
    var digits = sides.joined().utf8.map { $0 &- 0x30 }
    guard digits.allSatisfy({ $0 < 10 }), digits.count <= 1000 else { return nil }
    var point = sides[0].utf8.count + exponent
    if point < 0 {
      digits = [UInt8](repeating: 0, count: -point) + digits
      point = 0
    }
    if point > digits.count { digits += [UInt8](repeating: 0, count: point - digits.count) }
    whole = Array(digits[..<point].drop { $0 == 0 })
    if whole.isEmpty { whole = [0] }
    fraction = Array(digits[point...])
    while fraction.last == 0 { fraction.removeLast() }
    guard whole.count <= 40, fraction.count <= 40 else { return nil }
    self.isNegative = isNegative && !(whole == [0] && fraction.isEmpty)
  }

  private func isSmallerMagnitude(than other: SchemaDecimal) -> Bool {
    if whole.count != other.whole.count { return whole.count < other.whole.count }
    return (whole + fraction).lexicographicallyPrecedes(other.whole + other.fraction)
  }

  static func < (left: SchemaDecimal, right: SchemaDecimal) -> Bool {
    if left.isNegative != right.isNegative { return left.isNegative }
    return left.isNegative ? right.isSmallerMagnitude(than: left) : left.isSmallerMagnitude(than: right)
  }

}
