package import AloraJSON

/// JSON Schema (draft 2020-12), as much of it as schemas/ uses. A keyword that it does not know is a violation, so that no
/// rule goes unchecked.
package struct SchemaValidator {
  private let schema: JSON

  package init(path: String) throws { schema = try JSONDocument(path: path).root }

  /// What in `value` breaks a rule; empty if it conforms.
  package func violations(in value: JSON) throws -> [String] { try violations(value, schema) }

  private func violations(_ value: JSON, _ rules: JSON) throws -> [String] {
    var found: [String] = []
    func report(_ text: String) { found.append("\(value.jsonPath): \(text), found \(value.excerpt)") }
    for (keyword, rule) in try rules.members() {
      switch keyword {
      case "$schema", "$defs", "title", "description", "required", "additionalProperties": break
      case "$ref": found += try violations(value, definition(try rule.string()))
      case "type":
        if try !Self.types(rule).contains(where: { Self.matches(value, $0) }) { report("not \(rule.excerpt)") }
      case "enum":
        if try !rule.elements().contains(where: { $0.serialized == value.serialized }) {
          report("none of \(rule.serialized)")
        }
      case "const": if rule.serialized != value.serialized { report("not \(rule.serialized)") }
      case "minimum":
        if [.integer, .number].contains(value.kind), try value.number() < rule.number() {
          report("below \(rule.excerpt)")
        }
      case "maximum":
        if [.integer, .number].contains(value.kind), try value.number() > rule.number() {
          report("above \(rule.excerpt)")
        }
      case "minItems": if value.kind == .array, try value.elements().count < rule.integer() { report("too short") }
      case "maxItems": if value.kind == .array, try value.elements().count > rule.integer() { report("too long") }
      case "minLength": if value.kind == .string, try value.string().count < rule.integer() { report("too short") }
      case "maxLength": if value.kind == .string, try value.string().count > rule.integer() { report("too long") }
      case "pattern":
        if value.kind == .string, try value.string().firstMatch(of: Regex(rule.string())) == nil {
          report("doesn't match \(rule.excerpt)")
        }
      case "uniqueItems":
        if value.kind == .array, try rule.boolean() {
          let elements = try value.elements().map(\.serialized)
          if Set(elements).count != elements.count { report("repeats an element") }
        }
      case "prefixItems":
        if value.kind == .array {
          for (element, rule) in zip(try value.elements(), try rule.elements()) {
            found += try violations(element, rule)
          }
        }
      case "items":
        let first = try rules[optional: "prefixItems"]?.elements().count ?? 0
        if value.kind == .array {
          for element in try value.elements().dropFirst(first) { found += try violations(element, rule) }
        }
      case "anyOf":
        let branches = try rule.elements().map { try violations(value, $0) }
        if !branches.contains(where: \.isEmpty) {
          report("no alternative fits (the closest: \(branches.min { $0.count < $1.count }?.first ?? ""))")
        }
      case "properties": if value.kind == .object { found += try propertyViolations(value, rules) }
      default: found.append("the schema has the keyword '\(keyword)', which this validator does not know")
      }
    }
    return found
  }

  private func propertyViolations(_ value: JSON, _ rules: JSON) throws -> [String] {
    var found: [String] = []
    let properties = try rules["properties"].members()
    let members = try value.members()
    for (name, member) in members {
      if let property = properties.first(where: { $0.name == name }) {
        found += try violations(member, property.value)
      } else if let others = try rules[optional: "additionalProperties"] {
        if others.kind == .object {
          found += try violations(member, others)
        } else if try !others.boolean() {
          found.append("\(member.jsonPath): no property of that name")
        }
      }
    }
    for name in try rules[optional: "required"]?.elements().map({ try $0.string() }) ?? []
    where !members.contains(where: { $0.name == name }) {
      found.append("\(value.jsonPath): '\(name)' is missing")
    }
    return found
  }

  private func definition(_ reference: String) throws -> JSON {
    try reference.split(separator: "/").dropFirst().reduce(schema) { try $0[String($1)] }
  }

  private static func types(_ rule: JSON) throws -> [String] {
    rule.kind == .array ? try rule.elements().map { try $0.string() } : [try rule.string()]
  }

  private static func matches(_ value: JSON, _ type: String) -> Bool {
    switch type {
    case "null": value.kind == .null
    case "boolean": value.kind == .boolean
    case "integer": value.kind == .integer
    case "number": value.kind == .integer || value.kind == .number
    case "string": value.kind == .string
    case "array": value.kind == .array
    case "object": value.kind == .object
    default: false
    }
  }
}
