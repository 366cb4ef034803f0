/// A JSON value to be written. Members keep their order, so the same value always gives the same text.
public indirect enum JSONValue: Hashable, Sendable {
  case null
  case boolean(Bool)
  case integer(Int)
  /// A finite number; NaN and infinities, which JSON does not have, are written as null.
  case number(Double)
  case string(String)
  case array([JSONValue])
  case object([Member])

  public struct Member: Hashable, Sendable {
    public let name: String
    public let value: JSONValue
    public init(_ name: String, _ value: JSONValue) {
      self.name = name
      self.value = value
    }
  }
}

extension JSONValue {
  /// An object of those of the members that have a value, in the order given.
  public static func members(_ members: KeyValuePairs<String, JSONValue?>) -> JSONValue {
    .object(members.compactMap { name, value in value.map { Member(name, $0) } })
  }

  /// The text: indented by two spaces, or without any white space.
  public func serialized(isPretty: Bool = true) -> String {
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
  public init(stringLiteral value: String) { self = .string(value) }
  public init(integerLiteral value: Int) { self = .integer(value) }
  public init(booleanLiteral value: Bool) { self = .boolean(value) }
}

extension JSONValue: ExpressibleByArrayLiteral, ExpressibleByDictionaryLiteral {
  public init(arrayLiteral elements: JSONValue...) { self = .array(elements) }
  public init(dictionaryLiteral elements: (String, JSONValue)...) {
    self = .object(elements.map { Member($0.0, $0.1) })
  }
}
