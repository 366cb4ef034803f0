internal import AloraSystem

/// The keywords of a set of schemas that concern a value itself, taken together.
struct SchemaConstraint {
  typealias Bound = (value: SchemaDecimal, isExclusive: Bool)

  var types = SchemaTypes.all
  /// What `enum` and `const` allow, each value once; nil: all.
  var values: [SchemaValue]?
  private var identities: Set<[UInt8]>?
  var minimum: Bound?
  var maximum: Bound?
  var divisor: SchemaDivisor?
  var minLength = 0
  var maxLength: Int?
  var patterns: [CharacterPattern] = []
  var minItems = 0
  var maxItems: Int?
  var minProperties = 0
  var maxProperties: Int?
  /// Where the constraint is, for messages.
  let place: SchemaPlace

  init(_ keywords: [SchemaDocument.ID], _ compiler: SchemaCompiler) throws(SchemaError) {
    let document = compiler.document
    place = SchemaPlace(document, keywords.first ?? 0)
    for id in keywords {
      guard case .object(let members) = document.value(id) else { continue }
      try compiler.budget.spend(members.count)
      for (name, value) in members where SchemaKeyword.constrains(name) {
        guard let member = document.member(name, of: id) else { continue }
        try add(name, value, of: id, SchemaPlace(document, member, keyword: name), compiler.budget)
      }
    }
  }

  /// Whether `enum` and `const` allow the value.
  func lists(_ value: SchemaValue) -> Bool { identities?.contains(value.identity) ?? true }

  private mutating func add(
    _ name: String, _ value: SchemaValue, of id: SchemaDocument.ID, _ place: SchemaPlace, _ budget: SchemaBudget
  ) throws(SchemaError) {
    switch name {
    case "type":
      var names = [value]
      if case .array(let several) = value { names = several }
      var union: SchemaTypes = []
      for name in names {
        guard case .string(let text) = name, let type = SchemaTypes(name: text) else {
          throw SchemaError(.malformed, place, "'type' names types of JSON")
        }
        union.formUnion(type)
      }
      types.formIntersection(union)
    case "enum":
      guard case .array(let elements) = value else { throw SchemaError(.malformed, place, "'enum' is a list") }
      try restrict(to: elements, budget)
    case "const": try restrict(to: [value], budget)
    case "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum": try addBound(name, value, of: id, place)
    case "multipleOf": divisor = try SchemaDivisor(value, place).combined(with: divisor, place)
    case "minLength": minLength = max(minLength, try Self.count(value, place))
    case "maxLength": maxLength = min(maxLength ?? .max, try Self.count(value, place))
    case "minItems": minItems = max(minItems, try Self.count(value, place))
    case "maxItems": maxItems = min(maxItems ?? .max, try Self.count(value, place))
    case "minProperties": minProperties = max(minProperties, try Self.count(value, place))
    case "maxProperties": maxProperties = min(maxProperties ?? .max, try Self.count(value, place))
    case "pattern":
      guard case .string(let text) = value else { throw SchemaError(.malformed, place, "'pattern' is a string") }
      try budget.spend(text.utf8.count)
      patterns.append(try CharacterPattern(text, at: place, budget))
    case "format":
      guard case .string(let text) = value else { throw SchemaError(.malformed, place, "'format' is a string") }
      // A format says nothing about values that are not strings.
      guard place.document.value(id).mayBeString else { return }
      guard let format = StringFormat(rawValue: text) else {
        throw SchemaError(
          .unsupported, place, "the format '\(text.prefix(60))' is not supported",
          remedy: "remove it, or write it as a 'pattern'")
      }
      patterns.append(try CharacterPattern(format.pattern, at: place, budget))
      if let limit = format.maxLength { maxLength = min(maxLength ?? .max, limit) }
    default: break
    }
  }

  private mutating func restrict(to allowed: [SchemaValue], _ budget: SchemaBudget) throws(SchemaError) {
    var found = Set<[UInt8]>()
    var kept: [SchemaValue] = []
    for value in allowed {
      try budget.spend(value.count)
      let identity = value.identity
      guard identities?.contains(identity) ?? true, found.insert(identity).inserted else { continue }
      kept.append(value)
    }
    (values, identities) = (kept, found)
  }

  private mutating func addBound(
    _ name: String, _ value: SchemaValue, of id: SchemaDocument.ID, _ place: SchemaPlace
  ) throws(SchemaError) {
    // Draft 4 wrote exclusive bounds as a flag beside the bound.
    var isExclusive = name.hasPrefix("exclusive")
    if case .boolean = value, isExclusive { return }
    guard case .number(let text) = value else { throw SchemaError(.malformed, place, "'\(name)' is a number") }
    guard let bound = SchemaDecimal(text) else {
      throw SchemaError(
        .unsupported, place, "'\(name)' has more than 40 digits on a side of the point", remedy: "use a shorter number")
    }
    let isMinimum = name.hasSuffix("inimum")
    let flag = place.document.member(isMinimum ? "exclusiveMinimum" : "exclusiveMaximum", of: id)
    if case .boolean(true)? = flag.map(place.document.value) { isExclusive = true }
    if isMinimum {
      if let minimum, bound < minimum.value || bound == minimum.value && minimum.isExclusive { return }
      minimum = (bound, isExclusive)
    } else {
      if let maximum, maximum.value < bound || bound == maximum.value && maximum.isExclusive { return }
      maximum = (bound, isExclusive)
    }
  }

  private static func count(_ value: SchemaValue, _ place: SchemaPlace) throws(SchemaError) -> Int {
    guard case .number(let text) = value, let decimal = SchemaDecimal(text), decimal.isWhole, !decimal.isNegative else {
      throw SchemaError(.malformed, place, "expected a whole number that is not negative")
    }
    guard decimal.whole.count <= 9 else { return 1_000_000_000 }
    return decimal.whole.reduce(0) { $0 * 10 + Int($1) }
  }
}

extension SchemaValue {
  /// Whether the keywords of this object let a string pass.
  fileprivate var mayBeString: Bool {
    func isString(_ name: SchemaValue) -> Bool {
      guard case .string("string") = name else { return false }
      return true
    }
    return switch self["type"] {
    case nil: true
    case .array(let names)?: names.contains(where: isString)
    case let name?: isString(name)
    }
  }
}

/// The numbers that `multipleOf` allows: multiples of `value` / 10^`digitCount`.
struct SchemaDivisor: Hashable {
  let value: Int
  /// How many digits after the point a multiple may have.
  let digitCount: Int

  static let one = SchemaDivisor(value: 1, digitCount: 0)
  private static let largest = 10_000
  private static let mostDigits = 9

  private init(value: Int, digitCount: Int) { (self.value, self.digitCount) = (value, digitCount) }

  init(_ value: SchemaValue, _ place: SchemaPlace) throws(SchemaError) {
    guard case .number(let text) = value, let decimal = SchemaDecimal(text), !decimal.isNegative, !decimal.isZero else {
      throw SchemaError(.malformed, place, "'multipleOf' is a number above 0")
    }
    let digits = decimal.whole + decimal.fraction
    guard decimal.fraction.count <= Self.mostDigits, digits.drop(while: { $0 == 0 }).count <= 4 else {
      throw SchemaError(
        .unsupported, place,
        "'multipleOf' has at most 4 digits here, 9 of them after the point, not \(text.prefix(60))",
        remedy: "use a divisor with fewer digits")
    }
    self.init(value: digits.reduce(0) { $0 * 10 + Int($1) }, digitCount: decimal.fraction.count)
  }

  /// Whether a number is a multiple.
  func divides(_ number: SchemaDecimal) -> Bool {
    guard number.fraction.count <= digitCount else { return false }
    let zeros = [UInt8](repeating: 0, count: digitCount - number.fraction.count)
    return (number.whole + number.fraction + zeros).reduce(0) { ($0 * 10 + Int($1)) % value } == 0
  }

  /// The numbers that are multiples of both.
  func combined(with other: SchemaDivisor?, _ place: SchemaPlace) throws(SchemaError) -> SchemaDivisor {
    guard let other else { return self }
    let digitCount = max(self.digitCount, other.digitCount)
    func scaled(_ divisor: SchemaDivisor) -> Int {
      (divisor.digitCount..<digitCount).reduce(divisor.value) { result, _ in result * 10 }
    }
    var (a, b) = (scaled(self), scaled(other))
    let (first, second) = (a, b)
    while b != 0 { (a, b) = (b, a % b) }
    let product = (first / a).multipliedReportingOverflow(by: second)
    var least = product.overflow ? Int.max : product.partialValue
    var digits = digitCount
    while digits > 0, least % 10 == 0 { (least, digits) = (least / 10, digits - 1) }
    guard least < Self.largest else {
      throw SchemaError(.tooComplex, place, "the divisors have too large a common multiple")
    }
    return SchemaDivisor(value: least, digitCount: digits)
  }
}
