/// Numbers, in decimal digits.
extension SchemaCompiler {
  mutating func number(_ constraint: SchemaConstraint, _ start: Int32, _ end: Int32) throws(SchemaError) {
    let divisor = constraint.divisor ?? .one
    // A multiple of a whole number is whole.
    let isWhole = !constraint.types.contains(.fraction) || constraint.divisor != nil && divisor.digitCount == 0
    guard constraint.minimum != nil || constraint.maximum != nil || constraint.divisor != nil else {
      return try unboundedNumber(isWhole: isWhole, start, end)
    }
    let (low, high) = (constraint.minimum, constraint.maximum)
    let zero = (value: SchemaDecimal.zero, isExclusive: false)
    // Digits from 0 up.
    if !(high.map { $0.value.isNegative } ?? false) {
      let least = low.map { $0.value.isNegative ? zero : $0 } ?? zero
      var range = DigitRange(
        low: least, high: high, isWhole: isWhole, divisor: divisor, hasDivisor: constraint.divisor != nil,
        place: constraint.place)
      try digits(&range, start, end)
    }
    // A minus and digits, without -0.
    if low.map({ $0.value.isNegative }) ?? true {
      let sign = try network.node()
      network.edge(start, "-", sign)
      let least = high.flatMap { $0.value.isNegative ? ($0.value.magnitude, $0.isExclusive) : nil } ?? (.zero, true)
      var range = DigitRange(
        low: least, high: low.map { ($0.value.magnitude, $0.isExclusive) }, isWhole: isWhole, divisor: divisor,
        hasDivisor: constraint.divisor != nil, place: constraint.place)
      try digits(&range, sign, end)
    }
  }

  private mutating func unboundedNumber(isWhole: Bool, _ start: Int32, _ end: Int32) throws(SchemaError) {
    let (sign, digits, whole) = (try network.node(), try network.node(), try network.node())
    network.empty(start, sign)
    network.edge(start, "-", sign)
    network.edge(sign, "0", whole)
    network.edge(sign, 0x31...0x39, digits)
    network.edge(digits, 0x30...0x39, digits)
    network.empty(digits, whole)
    network.empty(whole, end)
    guard !isWhole else { return }
    let (point, fraction, exponent, mark, power) = (
      try network.node(), try network.node(), try network.node(), try network.node(), try network.node()
    )
    network.edge(whole, ".", point)
    network.edge(point, 0x30...0x39, fraction)
    network.edge(fraction, 0x30...0x39, fraction)
    network.empty(fraction, end)
    for node in [whole, fraction] {
      network.edge(node, "e", mark)
      network.edge(node, "E", mark)
    }
    network.empty(mark, exponent)
    network.edge(mark, "+", exponent)
    network.edge(mark, "-", exponent)
    network.edge(exponent, 0x30...0x39, power)
    network.edge(power, 0x30...0x39, power)
    network.empty(power, end)
  }

  /// Numbers without a sign between two bounds, without exponents.
  struct DigitRange {
    let low: (value: SchemaDecimal, isExclusive: Bool)
    let high: (value: SchemaDecimal, isExclusive: Bool)?
    let isWhole: Bool
    let divisor: SchemaDivisor
    let hasDivisor: Bool
    let place: SchemaPlace
    fileprivate var whole: [WholeState: Int32] = [:]
    fileprivate var fraction: [FractionState: Int32] = [:]

    init(
      low: (value: SchemaDecimal, isExclusive: Bool), high: (value: SchemaDecimal, isExclusive: Bool)?, isWhole: Bool,
      divisor: SchemaDivisor, hasDivisor: Bool, place: SchemaPlace
    ) {
      (self.low, self.high, self.isWhole) = (low, high, isWhole)
      (self.divisor, self.hasDivisor, self.place) = (divisor, hasDivisor, place)
    }

    /// Whether a number is a multiple if it ends after `fractionCount` digits of its fraction.
    fileprivate func divides(_ remainder: Int, fractionCount: Int) -> Bool {
      var rest = remainder
      for _ in min(fractionCount, divisor.digitCount)..<divisor.digitCount { rest = rest * 10 % divisor.value }
      return rest == 0
    }
  }

  fileprivate struct WholeState: Hashable {
    /// Digits to come; those of the bounds are counted from their ends.
    var rest: Int
    /// Whether all digits so far are the bound's.
    var isAtLow: Bool
    var isAtHigh: Bool
    /// Whether any number of further digits may come.
    var isOpen: Bool
    var remainder: Int
  }

  fileprivate struct FractionState: Hashable {
    var index: Int
    var isAtLow: Bool
    var isAtHigh: Bool
    var hasDigit: Bool
    var remainder: Int
  }

  private mutating func digits(_ range: inout DigitRange, _ start: Int32, _ end: Int32) throws(SchemaError) {
    let (low, high) = (range.low.value.whole, range.high?.value.whole)
    if let high = range.high, high.value < range.low.value { return }
    let lengths = low.count...max(low.count, high?.count ?? low.count)
    for length in lengths {
      let state = WholeState(
        rest: length, isAtLow: length == low.count, isAtHigh: high.map { $0.count == length } ?? false, isOpen: false,
        remainder: 0)
      try addDigits(&range, state, isFirst: true, length: length, start, end)
    }
    // Longer ones, without an upper bound.
    if high == nil {
      let state = WholeState(rest: low.count + 1, isAtLow: false, isAtHigh: false, isOpen: true, remainder: 0)
      try addDigits(&range, state, isFirst: true, length: low.count + 1, start, end)
    }
  }

  private mutating func addDigits(
    _ range: inout DigitRange, _ state: WholeState, isFirst: Bool = false, length: Int = 0, _ node: Int32, _ end: Int32
  ) throws(SchemaError) {
    let (low, high) = (range.low.value.whole, range.high?.value.whole ?? [])
    let first: UInt8 = isFirst && length > 1 ? 1 : 0
    let least = state.isAtLow ? max(low[low.count - state.rest], first) : first
    let most = state.isAtHigh ? high[high.count - state.rest] : 9
    guard least <= most else { return }
    for digit in least...most {
      var next = state
      next.rest = state.rest > 0 ? state.rest - 1 : 0
      next.isAtLow = state.isAtLow && digit == low[low.count - state.rest]
      next.isAtHigh = state.isAtHigh && digit == high[high.count - state.rest]
      next.remainder = (state.remainder * 10 + Int(digit)) % range.divisor.value
      network.edge(node, (0x30 + digit)...(0x30 + digit), try self.node(&range, next, end))
    }
  }

  private mutating func node(_ range: inout DigitRange, _ state: WholeState, _ end: Int32) throws(SchemaError) -> Int32
  {
    if let node = range.whole[state] { return node }
    let node = try network.node()
    range.whole[state] = node
    guard range.whole.count <= 50_000 else {
      throw SchemaError(.tooComplex, range.place, "the number's bounds and divisor need too many states")
    }
    if state.rest > 0 || state.isOpen { try addDigits(&range, state, node, end) }
    guard state.rest == 0 else { return node }
    let last = FractionState(
      index: 0, isAtLow: state.isAtLow, isAtHigh: state.isAtHigh, hasDigit: true, remainder: state.remainder)
    if accepts(range, last) { network.empty(node, end) }
    if !range.isWhole {
      var first = last
      first.hasDigit = false
      network.edge(node, ".", try self.node(&range, first, end))
    }
    return node
  }

  /// Whether a number may end here: what is left of a bound counts as digits that are 0 in the number.
  private func accepts(_ range: DigitRange, _ state: FractionState) -> Bool {
    guard state.hasDigit, range.divides(state.remainder, fractionCount: state.index) else { return false }
    if state.isAtLow {
      let isEqual = range.low.value.fraction.count <= state.index
      guard isEqual && !range.low.isExclusive else { return false }
    }
    if state.isAtHigh, let high = range.high {
      let isEqual = high.value.fraction.count <= state.index
      guard !isEqual || !high.isExclusive else { return false }
    }
    return true
  }

  private mutating func node(
    _ range: inout DigitRange, _ state: FractionState, _ end: Int32
  ) throws(SchemaError) -> Int32 {
    let (low, high) = (range.low.value.fraction, range.high?.value.fraction ?? [])
    var state = state
    // After the digits of both bounds and of the divisor, all places are alike.
    state.index = min(state.index, max(low.count, high.count, range.divisor.digitCount))
    if let node = range.fraction[state] { return node }
    let node = try network.node()
    range.fraction[state] = node
    if accepts(range, state) { network.empty(node, end) }
    let least = state.isAtLow && state.index < low.count ? low[state.index] : 0
    let most = state.isAtHigh ? (state.index < high.count ? high[state.index] : 0) : 9
    guard least <= most else { return node }
    for digit in least...most {
      var next = FractionState(
        index: state.index + 1, isAtLow: state.isAtLow && digit == least, isAtHigh: state.isAtHigh && digit == most,
        hasDigit: true, remainder: state.remainder)
      if state.index < range.divisor.digitCount {
        next.remainder = (state.remainder * 10 + Int(digit)) % range.divisor.value
      } else if range.hasDivisor, digit > 0 {
        continue
      }
      network.edge(node, (0x30 + digit)...(0x30 + digit), try self.node(&range, next, end))
    }
    return node
  }
}
