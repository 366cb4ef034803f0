/// The exact decimal digits of a double, for texts with a number of places.
struct DecimalDigits {
  /// Without zeros in front; empty for 0.
  private(set) var digits: [UInt8]
  /// How many digits are before the point; negative where zeros come first.
  private(set) var point: Int

  /// - Precondition: a finite number; its sign does not count.
  init(_ value: Double) {
    let mantissa = value.magnitude.significandBitPattern | (value.magnitude >= .leastNormalMagnitude ? 1 << 52 : 0)
    let exponent = max(Int(value.exponentBitPattern), 1) - 1075
    // Limbs of nine digits, the lowest first.
    var limbs: [UInt32] = []
    var rest = mantissa
    while rest > 0 {
      limbs.append(UInt32(rest % 1_000_000_000))
      rest /= 1_000_000_000
    }
    var powersLeft = Int(exponent.magnitude)
    while powersLeft > 0 {
      // 5 to the 12 fits into a limb, and so does the carry.
      let powers = min(powersLeft, 12)
      let factor = repeatElement(exponent > 0 ? 2 : 5 as UInt64, count: powers).reduce(1, *)
      powersLeft -= powers
      var carry: UInt64 = 0
      for index in limbs.indices {
        let product = UInt64(limbs[index]) * factor + carry
        limbs[index] = UInt32(product % 1_000_000_000)
        carry = product / 1_000_000_000
      }
      if carry > 0 { limbs.append(UInt32(carry)) }
    }
    digits = []
    for limb in limbs.reversed() {
      let text = Array(String(limb).utf8)
      if !digits.isEmpty { digits += [UInt8](repeating: 0, count: 9 - text.count) }
      digits += text.map { $0 - 0x30 }
    }
    point = digits.count + min(exponent, 0)
  }

  /// Rounds to that many places after the point, half to even.
  mutating func round(places: Int) {
    let kept = point.addingReportingOverflow(places).partialValue
    guard kept < digits.count else { return }
    guard kept >= 0 else { (digits, point) = ([], 0); return }
    let next = digits[kept]
    let isAbove = next > 5 || next == 5 && digits[(kept + 1)...].contains { $0 != 0 }
    let isHalf = next == 5 && !isAbove
    let isOdd = kept > 0 && digits[kept - 1] % 2 == 1
    digits.removeSubrange(kept...)
    guard isAbove || isHalf && isOdd else { return }
    var index = kept
    while index > 0 {
      index -= 1
      if digits[index] < 9 {
        digits[index] += 1
        return
      }
      digits[index] = 0
    }
    digits.insert(1, at: 0)
    point += 1
  }

  /// As C's `%.{places}f`, without a sign.
  static func fixed(_ value: Double, places: Int) -> String {
    var decimal = DecimalDigits(value)
    decimal.round(places: places)
    func digit(_ index: Int) -> UInt8 { decimal.digits.indices.contains(index) ? decimal.digits[index] + 0x30 : 0x30 }
    var result: [UInt8] = decimal.point > 0 ? (0..<decimal.point).map { digit($0) } : [0x30]
    if places > 0 {
      result.append(UInt8(ascii: "."))
      for place in 0..<places { result.append(digit(decimal.point + place)) }
    }
    return String(decoding: result, as: UTF8.self)
  }

  /// The digits, as many as asked for, and the exponent of the first, as C's `%e` has them.
  static func scientific(_ value: Double, digitCount: Int) -> (digits: [UInt8], exponent: Int) {
    guard value != 0 else { return ([UInt8](repeating: 0x30, count: digitCount), 0) }
    var decimal = DecimalDigits(value)
    decimal.round(places: digitCount - decimal.point)
    let digits = (0..<digitCount).map { decimal.digits.indices.contains($0) ? decimal.digits[$0] + 0x30 : 0x30 }
    return (digits, decimal.point - 1)
  }
}
