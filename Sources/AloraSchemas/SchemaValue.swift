internal import AloraJSON

/// A JSON value of a schema: numbers as the text writes them, null as a value.
indirect enum SchemaValue: Sendable {
  case null
  case boolean(Bool)
  case number(String)
  case string(String)
  case array([SchemaValue])
  case object([(name: String, value: SchemaValue)])

  init(_ json: JSON) throws {
    switch json.kind {
    case .null: self = .null
    case .boolean: self = .boolean(try json.boolean())
    case .integer, .number: self = .number(json.serialized)
    case .string: self = .string(try json.string())
    case .array: self = .array(try json.elements().map { try SchemaValue($0) })
    case .object: self = .object(try json.members().map { (name: $0.name, value: try SchemaValue($0.value)) })
    }
  }

  subscript(name: String) -> SchemaValue? {
    guard case .object(let members) = self else { return nil }
    return members.first { $0.name.utf8.elementsEqual(name.utf8) }?.value
  }

  /// How many values it has, itself included.
  var count: Int {
    switch self {
    case .array(let elements): elements.reduce(1) { $0 + $1.count }
    case .object(let members): members.reduce(1) { $0 + $1.value.count }
    default: 1
    }
  }

  /// Bytes that are equal for equal values, and only for these: numbers by their value, members in the order of their names.
  var identity: [UInt8] {
    var result: [UInt8] = []
    addIdentity(to: &result)
    return result
  }

  private func addIdentity(to result: inout [UInt8]) {
    func add(_ text: some Collection<UInt8>) {
      result += Array("\(text.count):".utf8)
      result += text
    }
    switch self {
    case .null: result.append(UInt8(ascii: "n"))
    case .boolean(let flag): result.append(UInt8(ascii: flag ? "t" : "f"))
    case .number(let text):
      guard let decimal = SchemaDecimal(text) else {
        result.append(UInt8(ascii: "N"))
        return add(Array(text.utf8))
      }
      result.append(UInt8(ascii: decimal.isNegative ? "-" : "+"))
      add(decimal.whole)
      add(decimal.fraction)
    case .string(let text):
      result.append(UInt8(ascii: "s"))
      add(Array(text.utf8))
    case .array(let elements):
      result += Array("a\(elements.count):".utf8)
      for element in elements { element.addIdentity(to: &result) }
    case .object(let members):
      result += Array("o\(members.count):".utf8)
      let named = members.map { (name: Array($0.name.utf8), value: $0.value) }
      for (name, value) in named.sorted(by: { $0.name.lexicographicallyPrecedes($1.name) }) {
        add(name)
        value.addIdentity(to: &result)
      }
    }
  }
}
