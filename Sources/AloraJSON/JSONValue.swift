internal import CJSON

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
    let object = unsafe makeObject()
    defer { _ = unsafe json_object_put(object) }
    let layout = isPretty ? JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED : JSON_C_TO_STRING_PLAIN
    // Safe: the text belongs to the object, which is released after the copy.
    guard let text = unsafe json_object_to_json_string_ext(object, layout | JSON_C_TO_STRING_NOSLASHESCAPE) else {
      return "null"
    }
    return unsafe String(cString: text)
  }

  /// A json-c object that the caller owns; nil stands for null.
  private func makeObject() -> OpaquePointer? {
    switch self {
    case .null: return nil
    case .boolean(let value): return unsafe json_object_new_boolean(value ? 1 : 0)
    case .integer(let value): return unsafe json_object_new_int64(Int64(value))
    case .number(let value):
      // Swift's description is the shortest text that reads back as the same number.
      return value.isFinite ? unsafe json_object_new_double_s(value, value.description) : nil
    case .string(let text):
      let bytes = Array(text.utf8)
      return unsafe bytes.withUnsafeBytes { buffer in
        guard let start = buffer.baseAddress else { return unsafe json_object_new_string("") }
        return unsafe json_object_new_string_len(
          start.assumingMemoryBound(to: CChar.self), Int32(clamping: buffer.count))
      }
    case .array(let values):
      let array = unsafe json_object_new_array_ext(Int32(clamping: values.count))
      for value in values { _ = unsafe json_object_array_add(array, value.makeObject()) }
      return unsafe array
    case .object(let members):
      let object = unsafe json_object_new_object()
      for member in members { _ = unsafe json_object_object_add(object, member.name, member.value.makeObject()) }
      return unsafe object
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
