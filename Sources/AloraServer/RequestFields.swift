internal import AloraGeneration
internal import AloraJSON
internal import HTTPTypes

/// The members of a request's body. A member that is null counts as missing.
struct RequestFields {
  let root: JSON

  init(_ root: JSON) throws {
    guard root.kind == .object else {
      throw ServerError(.badRequest, "the body is not a JSON object", code: "invalid_json")
    }
    self.root = root
  }

  init(_ bytes: [UInt8]) throws {
    // Safe: the document copies what it keeps.
    try self.init(JSONDocument(parsing: unsafe bytes.span.bytes).root)
  }

  subscript(name: String) -> JSON? {
    get throws {
      guard let value = try root.members().first(where: { $0.name == name })?.value, !value.isNull else { return nil }
      return value
    }
  }

  func fields(_ name: String) throws -> RequestFields? {
    guard let value = try self[name] else { return nil }
    guard value.kind == .object else { throw ServerError.wrong(name, "an object") }
    return try RequestFields(value)
  }

  func string(_ name: String) throws -> String? { try self[name]?.string() }
  func flag(_ name: String) throws -> Bool? { try self[name]?.boolean() }
  func integer(_ name: String, in range: ClosedRange<Int>) throws -> Int? {
    guard let value = try self[name] else { return nil }
    // Some clients write 16.0.
    if value.kind == .number, let whole = Int(exactly: try value.number()), range.contains(whole) { return whole }
    return try value.integer(in: range)
  }

  func number(_ name: String, in range: ClosedRange<Double>) throws -> Double? {
    guard let value = try self[name] else { return nil }
    let number = value.kind == .integer ? Double(try value.integer()) : try value.number()
    guard range.contains(number) else {
      throw ServerError.wrong(name, "a number from \(range.lowerBound) to \(range.upperBound)")
    }
    return number
  }

  /// A string, or a list of strings.
  func strings(_ name: String, limit: Int) throws -> [String] {
    guard let value = try self[name] else { return [] }
    if value.kind == .string { return [try value.string()] }
    guard value.kind == .array else { throw ServerError.wrong(name, "a string or a list of strings") }
    let strings = try value.elements().map { try $0.string() }
    guard strings.count <= limit else { throw ServerError.wrong(name, "at most \(limit) strings") }
    return strings
  }

  /// Refuses what can't be honoured, by name.
  ///
  /// - Parameter isHarmless: whether a value asks for what happens anyway.
  func refuse(_ name: String, unless isHarmless: (JSON) throws -> Bool = { _ in false }) throws {
    guard let value = try self[name], !(try isHarmless(value)) else { return }
    throw ServerError.unsupported(name)
  }

  /// A member that has to be there.
  func required(_ name: String) throws -> JSON {
    guard let value = try self[name] else { throw ServerError.missing(name) }
    return value
  }

  /// The messages of a chat.
  func messages() throws -> [JSONValue] { try ChatMessages.messages(required("messages")) }

  /// The tools for the chat template; nil for none.
  func tools() throws -> JSONValue? {
    guard let tools = try self["tools"], try !tools.elements().isEmpty else { return nil }
    return try JSONValue(tools)
  }
}

extension ServerError {
  /// A member that can't be honoured.
  static func unsupported(_ name: String) -> ServerError {
    ServerError(.badRequest, "'\(name)' is not supported", code: "unsupported", parameter: name)
  }

  static func wrong(_ name: String, _ expected: String) -> ServerError {
    ServerError(.badRequest, "'\(name)' has to be \(expected)", code: "invalid_value", parameter: name)
  }

  static func missing(_ name: String) -> ServerError {
    ServerError(.badRequest, "'\(name)' is missing", code: "missing", parameter: name)
  }
}
