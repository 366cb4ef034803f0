/// A JSON value to be written. Members keep their order, so the same value always gives the same text.
package indirect enum JSONValue: Hashable, Sendable {
  case null
  case boolean(Bool)
  case integer(Int)
  /// A finite number; NaN and infinities, which JSON does not have, are written as null.
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([Member])

  package struct Member: Hashable, Sendable {
    package let name: String
    package let value: JSONValue
    package init(_ name: String, _ value: JSONValue) {
      self.name = name
      self.value = value
    }
  }
}

extension JSONValue {
  /// An object of the members that have a value, in the given order.
  package static func members(_ members: KeyValuePairs<String, JSONValue?>) -> JSONValue {
    .object(members.compactMap { name, value in value.map { Member(name, $0) } })
  }

  /// The text: indented by two spaces, or without any white space.
  package func serialized(isPretty: Bool = true) -> String {
    var writer = JSONWriter(isPretty: isPretty)
    write(to: &writer)
    return writer.text
  }

  private func write(to writer: inout JSONWriter) {
    switch self {
    case .null: writer.raw("null")
    case .boolean(let value): writer.raw(value ? "true" : "false")
    case .integer(let value): writer.raw("\(value)")
    // Swift's description is the shortest text that reads back as the same number.
    case .number(let value): writer.raw(value.isFinite ? value.description : "null")
    case .string(let text): writer.string(text.utf8)
    case .array(let values): writer.container(("[", "]"), values) { value, writer in value.write(to: &writer) }
    case .object(let members):
      writer.container(("{", "}"), members) { member, writer in
        writer.name(member.name)
        member.value.write(to: &writer)
      }
    }
  }
}

extension JSONValue: ExpressibleByStringLiteral, ExpressibleByIntegerLiteral, ExpressibleByBooleanLiteral {
  package init(stringLiteral value: String) { self = .string(value) }
  package init(integerLiteral value: Int) { self = .integer(value) }
  package init(booleanLiteral value: Bool) { self = .boolean(value) }
}

extension JSONValue: ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral {
  package init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  package init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(elements.map { Member($0.0, $0.1) })
  }
}

extension JSONValue {
  /// The same value, independent of its document.
  ///
  /// - Throws: `outOfRange` for a number that is too large.
  package init(_ json: JSON) throws(JSONError) {
    switch json.kind {
    case .null: self = .null
    case .boolean: self = .boolean(try json.boolean())
    case .integer: self = .integer(try json.integer())
    case .number: self = .number(try json.number())
    case .string: self = .string(try json.string())
    case .array:
      var elements: [JSONValue] = []
      for element in try json.elements() { elements.append(try JSONValue(element)) }
      self = .array(elements)
    case .object:
      var members: [Member] = []
      for (name, member) in try json.members() { members.append(.init(name, try JSONValue(member))) }
      self = .object(members)
    }
  }
}
