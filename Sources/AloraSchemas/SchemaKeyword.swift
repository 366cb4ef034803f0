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
  static func check(_ name: String, _ value: SchemaValue, of id: SchemaDocument.ID, in document: SchemaDocument)
    throws(SchemaError)
  {
    if constraints.contains(name) || structure.contains(name) || annotations.contains(name) || name.hasPrefix("x-") {
      return
    }
    switch (name, value) {
    case ("uniqueItems", .boolean(false)), ("unevaluatedProperties", .boolean(true)),
      ("unevaluatedItems", .boolean(true)), ("propertyNames", .boolean(true)), ("nullable", .boolean(false)):
      return
    default: break
    }
    // Without `if` the others say nothing; `if` alone says nothing either.
    if name == "then" || name == "else", document.member("if", of: id) == nil { return }
    if name == "if", document.member("then", of: id) == nil, document.member("else", of: id) == nil { return }
    let place = document.member(name, of: id) ?? id
    throw SchemaError(
      .unsupported, SchemaPlace(document, place, keyword: name), "the keyword '\(name)' is not supported",
      remedy: name == "nullable"
        ? "write the type as [\"…\", \"null\"]" : "remove it, or write the schema without it")
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
    switch value {
    case .null: self = .null
    case .boolean: self = .boolean
    case .number(let text): self = SchemaDecimal(text)?.isWhole ?? false ? .integer : .fraction
    case .string: self = .string
    case .array: self = .array
    case .object: self = .object
    }
  }
}
