internal import AloraSystem

/// Which keywords mean something to masks.
enum SchemaKeyword {
  private static let constraints: Set = [
    "type", "enum", "const", "properties", "required", "additionalProperties", "patternProperties", "minProperties",
    "maxProperties", "items", "prefixItems", "additionalItems", "minItems", "maxItems", "minLength", "maxLength",
    "pattern", "format", "minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf",
  ]
  private static let structure: Set = ["$ref", "allOf", "anyOf", "oneOf", "$defs", "definitions"]
  /// What says something about a value without excluding any.
  private static let annotations: Set = [
    "title", "description", "default", "examples", "example", "deprecated", "readOnly", "writeOnly", "$schema", "$id",
    "id", "$comment", "$vocabulary", "contentMediaType", "contentEncoding", "contentSchema", "$anchor",
    "$dynamicAnchor", "discriminator", "xml", "externalDocs", "strict",
  ]

  static func constrains(_ name: String) -> Bool { constraints.contains(name) }

  /// - Throws: `unsupported` for a keyword that masks do not honour, unless its value excludes nothing.
  static func check(_ name: String, in schema: SchemaValue, at pointer: String) throws(SchemaError) {
    if constraints.contains(name) || structure.contains(name) || annotations.contains(name) || name.hasPrefix("x-") {
      return
    }
    switch (name, schema[name]) {
    case ("uniqueItems", .boolean(false)?), ("unevaluatedProperties", .boolean(true)?),
      ("unevaluatedItems", .boolean(true)?), ("propertyNames", .boolean(true)?), ("nullable", .boolean(false)?):
      return
    default: break
    }
    // Without `if` the others say nothing; `if` alone says nothing either.
    if name == "then" || name == "else", schema["if"] == nil { return }
    if name == "if", schema["then"] == nil, schema["else"] == nil { return }
    throw SchemaError(
      .unsupported, "\(pointer)/\(SchemaCompiler.escaped(name))", "the keyword '\(name)' is not supported",
      remedy: "remove it, or write the schema without it")
  }
}

struct SchemaTypes: OptionSet, Hashable {
  let rawValue: Int
  static let null = SchemaTypes(rawValue: 1)
  static let boolean = SchemaTypes(rawValue: 2)
  static let integer = SchemaTypes(rawValue: 4)
  /// Numbers that are not whole; never without `integer`.
  static let fraction = SchemaTypes(rawValue: 8)
  static let string = SchemaTypes(rawValue: 16)
  static let array = SchemaTypes(rawValue: 32)
  static let object = SchemaTypes(rawValue: 64)
  static let all = SchemaTypes(rawValue: 127)

  init(rawValue: Int) { self.rawValue = rawValue }

  init?(name: String) {
    switch name {
    case "null": self = .null
    case "boolean": self = .boolean
    case "integer": self = .integer
    case "number": self = [.integer, .fraction]
    case "string": self = .string
    case "array": self = .array
    case "object": self = .object
    default: return nil
    }
  }

  init(of value: SchemaValue) {
    if case .number(let text) = value {
      self = SchemaDecimal(text)?.isWhole ?? false ? .integer : .fraction
    } else {
      self = SchemaTypes(name: value.typeName) ?? []
    }
  }
}

/// The keywords of a set of schemas that concern a value itself, taken together.
struct SchemaConstraint {
  var types = SchemaTypes.all
  /// What `enum` and `const` allow; nil: all.
  var values: [SchemaValue]?
  var minimum: (value: SchemaDecimal, isExclusive: Bool)?
  var maximum: (value: SchemaDecimal, isExclusive: Bool)?
  /// The least common multiple of the divisors, and the pointer of one.
  var divisor: (value: Int, pointer: String)?
  var minLength = 0
  var maxLength: Int?
  var patterns: [CharacterPattern] = []
  var minItems = 0
  var maxItems: Int?
  var minProperties = 0
  var maxProperties: Int?
  /// Where the constraint is, for messages.
  var pointer = ""

  init(_ keywords: [String], _ compiler: SchemaCompiler) throws(SchemaError) {
    pointer = keywords.first ?? ""
    for pointer in keywords {
      guard case .object(let members)? = compiler.value(at: pointer) else { continue }
      let schema = compiler.value(at: pointer) ?? .null
      for (name, value) in members { try add(name, value, schema, "\(pointer)/\(SchemaCompiler.escaped(name))") }
    }
  }

  private mutating func add(
    _ name: String, _ value: SchemaValue, _ schema: SchemaValue, _ place: String
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
      restrict(to: elements)
    case "const": restrict(to: [value])
    case "minimum", "exclusiveMinimum", "maximum", "exclusiveMaximum":
      try addBound(name, value, schema, place)
    case "multipleOf":
      guard case .number(let text) = value, let decimal = SchemaDecimal(text), !decimal.isNegative, !decimal.isZero
      else {
        throw SchemaError(.malformed, place, "'multipleOf' is a number above 0")
      }
      guard decimal.isWhole, decimal.whole.count <= 4 else {
        throw SchemaError(.unsupported, place, "'multipleOf' is a whole number below 10000 here, not \(text)")
      }
      let divisor = decimal.whole.reduce(0) { $0 * 10 + Int($1) }
      var (a, b) = (self.divisor?.value ?? 1, divisor)
      let product = a * b
      while b != 0 { (a, b) = (b, a % b) }
      guard product / a < 10_000 else {
        throw SchemaError(.tooComplex, place, "the divisors have too large a common multiple")
      }
      self.divisor = (product / a, place)
    case "minLength": minLength = max(minLength, try Self.count(value, place))
    case "maxLength": maxLength = min(maxLength ?? .max, try Self.count(value, place))
    case "minItems": minItems = max(minItems, try Self.count(value, place))
    case "maxItems": maxItems = min(maxItems ?? .max, try Self.count(value, place))
    case "minProperties": minProperties = max(minProperties, try Self.count(value, place))
    case "maxProperties": maxProperties = min(maxProperties ?? .max, try Self.count(value, place))
    case "pattern":
      guard case .string(let text) = value else { throw SchemaError(.malformed, place, "'pattern' is a string") }
      patterns.append(try CharacterPattern(text, pointer: place))
    case "format":
      guard case .string(let text) = value else { throw SchemaError(.malformed, place, "'format' is a string") }
      // A format says nothing about values that are not strings.
      guard schema.mayBeString else { return }
      guard let format = StringFormat(rawValue: text) else {
        throw SchemaError(.unsupported, place, "the format '\(text.prefix(60))' is not supported")
      }
      patterns.append(try CharacterPattern(format.pattern, pointer: place))
      if let limit = format.maxLength { maxLength = min(maxLength ?? .max, limit) }
    default: break
    }
  }

  private mutating func restrict(to allowed: [SchemaValue]) {
    guard let values else {
      var unique: [SchemaValue] = []
      for value in allowed where unique.count > 200 || !unique.contains(where: { $0.isEqual(to: value) }) {
        unique.append(value)
      }
      self.values = unique
      return
    }
    self.values = values.filter { value in allowed.contains { $0.isEqual(to: value) } }
  }

  private mutating func addBound(
    _ name: String, _ value: SchemaValue, _ schema: SchemaValue, _ place: String
  ) throws(SchemaError) {
    // Draft 4 wrote exclusive bounds as a flag beside the bound.
    var isExclusive = name.hasPrefix("exclusive")
    if case .boolean = value, isExclusive { return }
    guard case .number(let text) = value else { throw SchemaError(.malformed, place, "'\(name)' is a number") }
    guard let bound = SchemaDecimal(text) else {
      throw SchemaError(.unsupported, place, "'\(name)' has more than 40 digits on a side of the point")
    }
    let isMinimum = name.hasSuffix("inimum")
    if case .boolean(true)? = schema[isMinimum ? "exclusiveMinimum" : "exclusiveMaximum"] { isExclusive = true }
    if isMinimum {
      if let minimum, bound < minimum.value || bound == minimum.value && minimum.isExclusive { return }
      minimum = (bound, isExclusive)
    } else {
      if let maximum, maximum.value < bound || bound == maximum.value && maximum.isExclusive { return }
      maximum = (bound, isExclusive)
    }
  }

  private static func count(_ value: SchemaValue, _ place: String) throws(SchemaError) -> Int {
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
    switch self["type"] {
    case nil: true
    case .string(let name)?: name == "string"
    case .array(let names)?: names.contains { $0.isEqual(to: .string("string")) }
    default: true
    }
  }
}
