internal import AloraSystem

/// A schema's JSON, each value with a number, so that the compiler can name places without spelling them out.
final class SchemaDocument: Sendable {
  /// A value's number. The root is 0, and parents come before their children.
  typealias ID = Int32

  enum Children: Sendable {
    case none
    case elements([ID])
    /// By the bytes of their names: Swift takes different texts for equal.
    case members([[UInt8]: ID])
  }

  enum Step: Sendable {
    case root
    case member(String)
    case element(Int)
  }

  struct Node: Sendable {
    var value: SchemaValue
    let parent: ID
    let step: Step
    var children: Children = .none
  }

  let nodes: [Node]
  /// The root's `$id`, which references may begin with.
  private let identifier: [UInt8]?

  init(_ value: SchemaValue) {
    var nodes: [Node] = []
    _ = Self.add(value, parent: -1, step: .root, to: &nodes)
    if case .string(let text)? = value["$id"] ?? value["id"] {
      identifier = Array(text.utf8.prefix { $0 != UInt8(ascii: "#") })
    } else {
      identifier = nil
    }
    self.nodes = nodes
  }

  private static func add(_ value: SchemaValue, parent: ID, step: Step, to nodes: inout [Node]) -> ID {
    let id = ID(nodes.count)
    nodes.append(Node(value: value, parent: parent, step: step))
    switch value {
    case .array(let elements):
      var children: [ID] = []
      for (index, element) in elements.enumerated() {
        children.append(add(element, parent: id, step: .element(index), to: &nodes))
      }
      nodes[Int(id)].children = .elements(children)
    case .object(let members):
      var children: [[UInt8]: ID] = [:]
      for (name, member) in members {
        children[Array(name.utf8)] = add(member, parent: id, step: .member(name), to: &nodes)
      }
      nodes[Int(id)].children = .members(children)
    default: break
    }
    return id
  }

  func value(_ id: ID) -> SchemaValue { nodes[Int(id)].value }

  /// A member of an object.
  func member(_ name: String, of id: ID) -> ID? { member(Array(name.utf8), of: id) }

  func member(_ name: [UInt8], of id: ID) -> ID? {
    guard case .members(let members) = nodes[Int(id)].children else { return nil }
    return members[name]
  }

  /// The elements of an array; none for other values.
  func elements(of id: ID) -> [ID] {
    guard case .elements(let elements) = nodes[Int(id)].children else { return [] }
    return elements
  }

  // MARK: - Pointers

  /// The JSON pointer of a value.
  func pointer(_ id: ID) -> String {
    var parts: [String] = []
    var current = id
    while current > 0 {
      switch nodes[Int(current)].step {
      case .root: break
      case .member(let name): parts.append(Self.escaped(name))
      case .element(let index): parts.append("\(index)")
      }
      current = nodes[Int(current)].parent
    }
    return parts.reversed().map { "/" + $0 }.joined()
  }

  private static func escaped(_ name: String) -> String {
    var result = String.UnicodeScalarView()
    for scalar in name.unicodeScalars {
      switch scalar {
      case "~": result.append(contentsOf: "~0".unicodeScalars)
      case "/": result.append(contentsOf: "~1".unicodeScalars)
      default: result.append(scalar)
      }
    }
    return String(result)
  }

  private static func unescaped(_ name: ArraySlice<UInt8>) -> [UInt8] {
    var result: [UInt8] = []
    var rest = name
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "~"), let code = rest.first, code == UInt8(ascii: "0") || code == UInt8(ascii: "1") {
        result.append(code == UInt8(ascii: "0") ? byte : UInt8(ascii: "/"))
        rest = rest.dropFirst()
      } else {
        result.append(byte)
      }
    }
    return result
  }

  /// What the `$ref` of a schema leads to; percent escapes are decoded.
  ///
  /// - Throws: `malformed`, `unsupported`.
  func target(of reference: ID) throws(SchemaError) -> ID {
    let place = SchemaPlace(self, reference, keyword: "$ref")
    guard case .string(let text) = value(reference) else { throw SchemaError(.malformed, place, "'$ref' is a string") }
    var rest = Array(text.utf8)[...]
    if let identifier, rest.starts(with: identifier) { rest = rest.dropFirst(identifier.count) }
    guard rest.first == UInt8(ascii: "#") || rest.isEmpty else {
      throw SchemaError(
        .unsupported, place, "'$ref' leads out of the schema, to '\(text.prefix(60))'",
        remedy: "put the other schema into '$defs' and refer to it as '#/$defs/…'")
    }
    rest = rest.dropFirst()
    // A schema with an identifier of its own counts references from itself.
    var owner = nodes[Int(reference)].parent
    while owner > 0 {
      if case .string(let name)? = (member("$id", of: owner) ?? member("id", of: owner)).map(value), name.first != "#" {
        throw SchemaError(
          .unsupported, place, "'$ref' within a schema that has its own '$id' is not supported",
          remedy: "remove the inner '$id'")
      }
      owner = nodes[Int(owner)].parent
    }
    var bytes: [UInt8] = []
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), let high = rest.first.flatMap(Self.digit),
        let low = rest.dropFirst().first.flatMap(Self.digit)
      {
        bytes.append(high << 4 | low)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    guard let first = bytes.first else { return 0 }
    guard first == UInt8(ascii: "/") else {
      throw SchemaError(
        .unsupported, place, "'$ref' names an anchor, '\(text.prefix(60))'; only '#' and '#/…' are followed",
        remedy: "refer to the place by its JSON pointer")
    }
    var id: ID = 0
    for part in bytes.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false) {
      let name = Self.unescaped(part)
      var next = member(name, of: id)
      if case .elements(let elements) = nodes[Int(id)].children, let index = Int(String(decoding: name, as: UTF8.self)),
        elements.indices.contains(index)
      {
        next = elements[index]
      }
      guard let next else { throw SchemaError(.malformed, place, "'$ref' leads nowhere: '\(text.prefix(60))'") }
      id = next
    }
    return id
  }

  private static func digit(_ byte: UInt8) -> UInt8? {
    switch byte {
    case 0x30...0x39: byte - 0x30
    case 0x41...0x46: byte - 0x37
    case 0x61...0x66: byte - 0x57
    default: nil
    }
  }
}

/// Where something is in a schema, for messages; spelled out only when one is written.
struct SchemaPlace: Sendable {
  let document: SchemaDocument
  let id: SchemaDocument.ID
  let keyword: String?

  init(_ document: SchemaDocument, _ id: SchemaDocument.ID, keyword: String? = nil) {
    (self.document, self.id, self.keyword) = (document, id, keyword)
  }

  var pointer: String { document.pointer(id) }
}
