internal import AloraJSON

/// Places in the values of a schema.
///
/// Source: granite-common 0.4.1, `intrinsics/output.py` (`TransformationRule._is_input_path`), for what a path matches.
enum SchemaPath {
  enum Step: Hashable, Sendable {
    case member(String)
    case element(Int)
    /// Any member or element.
    case any
  }

  /// The most subschemas that are looked at.
  private static let nodeLimit = 512

  /// A place, and the subschemas of what may stand there.
  struct Place {
    /// Without `any`, except for an element of a list.
    let steps: [Step]
    let schemas: [JSONValue]
  }

  /// The places that a path matches in the values of a schema, in the schema's order.
  static func places(_ path: [Step], in schema: JSONValue) -> [Place] {
    var places = [Place(steps: [], schemas: alternatives(of: [schema], root: schema))]
    for step in path {
      var next: [(steps: [Step], schemas: [JSONValue])] = []
      func add(_ steps: [Step], _ schema: JSONValue) {
        if let index = next.firstIndex(where: { $0.steps == steps }) {
          next[index].schemas.append(schema)
        } else if next.count < nodeLimit {
          next.append((steps, [schema]))
        }
      }
      for place in places {
        for schema in place.schemas {
          for (found, child) in children(of: schema, step) { add(place.steps + [found], child) }
        }
      }
      places = next.map { Place(steps: $0.steps, schemas: alternatives(of: $0.schemas, root: schema)) }
    }
    return places
  }

  private static func children(of schema: JSONValue, _ step: Step) -> [(Step, JSONValue)] {
    let prefix = schema["prefixItems"]?.elements ?? []
    switch step {
    case .member(let name):
      if let child = schema["properties"]?[name] { return [(step, child)] }
      let others = schema["additionalProperties"]
      return others.map { $0 == .boolean(false) ? [] : [(step, $0)] } ?? []
    case .element(let index):
      if index < prefix.count { return [(step, prefix[index])] }
      return schema["items"].map { [(step, $0)] } ?? []
    case .any:
      return (schema["properties"]?.members ?? []).map { (.member($0.name), $0.value) }
        + prefix.enumerated().map { (.element($0), $1) } + (schema["items"].map { [(.any, $0)] } ?? [])
    }
  }

  /// The schemas, and all that they refer to or are combined of.
  private static func alternatives(of schemas: [JSONValue], root: JSONValue) -> [JSONValue] {
    var found: [JSONValue] = []
    var seen: Set<JSONValue> = []
    var open = schemas
    while let schema = open.popLast(), found.count < nodeLimit {
      guard seen.insert(schema).inserted else { continue }
      found.append(schema)
      if case .string(let reference)? = schema["$ref"], let target = Self.target(of: reference, root) {
        open.append(target)
      }
      for name in ["allOf", "anyOf", "oneOf"] { open += (schema[name]?.elements ?? []).reversed() }
    }
    return found
  }

  /// What a reference into the schema itself names.
  private static func target(of reference: String, _ root: JSONValue) -> JSONValue? {
    guard reference.hasPrefix("#") else { return nil }
    var value = root
    for part in reference.dropFirst().split(separator: "/") {
      let name = part.split(separator: "~", omittingEmptySubsequences: false).enumerated().map { index, piece in
        index == 0 ? String(piece) : (piece.first == "1" ? "/" : "~") + piece.dropFirst()
      }.joined()
      if let member = value[name] {
        value = member
      } else if let elements = value.elements, let index = Int(name), elements.indices.contains(index) {
        value = elements[index]
      } else {
        return nil
      }
    }
    return value
  }

  /// The schema of the values that have `value` at a place.
  static func restricted(_ schema: JSONValue, _ steps: [Step], to value: JSONValue) -> JSONValue {
    let condition = condition(steps[...], value)
    // Beside its other keywords, so that references into the schema stay right.
    guard case .object(let members) = schema else { return condition }
    let conditions = (schema["allOf"]?.elements ?? []) + [condition]
    return .object(members.filter { $0.name != "allOf" } + [.init("allOf", .array(conditions))])
  }

  private static func condition(_ steps: ArraySlice<Step>, _ value: JSONValue) -> JSONValue {
    guard let step = steps.first else { return ["const": value] }
    let rest = condition(steps.dropFirst(), value)
    return switch step {
    case .member(let name):
      ["type": "object", "properties": .object([.init(name, rest)]), "required": [.string(name)]]
    case .element(let index):
      [
        "type": "array", "minItems": .integer(index + 1),
        "prefixItems": .array(Array(repeating: true, count: min(index, 1024)) + [rest]),
      ]
    case .any: ["type": "array", "minItems": 1, "items": rest]
    }
  }

  /// As a message shows it: `$.label`, `$[0].score`.
  static func text(_ steps: [Step]) -> String {
    steps.reduce(into: "$") { text, step in
      switch step {
      case .member(let name): text += ".\(name)"
      case .element(let index): text += "[\(index)]"
      case .any: text += "[*]"
      }
    }
  }

  /// A value with nothing but what leads to the place, as Python's `json.dumps` writes it, up to the place.
  static func usualText(before steps: [Step]) -> String {
    steps.map { step in
      if case .member(let name) = step { "{" + JSONValue.string(name).serialized(isPretty: false) + ": " } else { "[" }
    }.joined()
  }
}

extension JSONValue {
  /// The last member of that name.
  subscript(name: String) -> JSONValue? {
    if case .object(let members) = self { members.last { $0.name == name }?.value } else { nil }
  }

  var elements: [JSONValue]? { if case .array(let elements) = self { elements } else { nil } }
  var members: [Member]? { if case .object(let members) = self { members } else { nil } }
}
