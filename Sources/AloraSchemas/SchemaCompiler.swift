internal import AloraJSON

/// Compiles a schema to a network of bytes.
///
/// What a value has to fit is a set of schemas, all of them: a schema with `allOf` or `$ref` is one with more members, and one
/// with `anyOf` is a choice between sets. Each set becomes a part of the network once, so that recursion ends.
struct SchemaCompiler {
  /// A part of what a value has to fit, by the JSON pointer of where it is.
  enum Item: Hashable {
    /// A schema with all its keywords.
    case schema(String)
    /// The keywords of one object, without those that lead to other schemas for the same value.
    case keywords(String)
    /// The alternatives of an `anyOf` or a `oneOf`.
    case choice(String)
  }

  let root: SchemaValue
  var network = ByteNetwork()
  private var starts: [[Item]: Int32] = [:]
  private var pending: [(items: [Item], start: Int32)] = []
  var parts: [String: Int32] = [:]
  static let largestSetCount = 2_000

  init(_ root: SchemaValue) { self.root = root }

  /// Compiles all of it.
  ///
  /// - Returns: where a value starts.
  mutating func compile() throws(SchemaError) -> Int32 {
    let start = try value([.schema("")])
    while let (items, start) = pending.popLast() { try compile(items, start) }
    guard network.prune(from: start) else {
      throw SchemaError(.unsatisfiable, "", "no value fits the schema")
    }
    return start
  }

  /// Where a value begins that fits all the items; it is compiled later.
  mutating func value(_ items: [Item]) throws(SchemaError) -> Int32 {
    let key = Set(items).sorted { Self.name($0) < Self.name($1) }
    if let start = starts[key] { return start }
    guard starts.count < Self.largestSetCount else {
      throw SchemaError(.tooComplex, "", "the schema combines too many schemas")
    }
    let start = try network.node()
    starts[key] = start
    pending.append((key, start))
    return start
  }

  private static func name(_ item: Item) -> String {
    switch item {
    case .schema(let pointer): "s" + pointer
    case .keywords(let pointer): "k" + pointer
    case .choice(let pointer): "c" + pointer
    }
  }

  // MARK: - Places

  /// The value at a pointer that the compiler made, or that a reference gives.
  func value(at pointer: String) -> SchemaValue? {
    var value = root
    for part in pointer.split(separator: "/", omittingEmptySubsequences: false).dropFirst() {
      let name = Self.unescaped(String(part))
      switch value {
      case .object:
        guard let member = value[name] else { return nil }
        value = member
      case .array(let elements):
        guard let index = Int(name), elements.indices.contains(index) else { return nil }
        value = elements[index]
      default: return nil
      }
    }
    return value
  }

  static func escaped(_ name: String) -> String {
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

  private static func unescaped(_ name: String) -> String {
    let parts = name.split(separator: "~", omittingEmptySubsequences: false)
    var result = String(parts[0])
    for part in parts.dropFirst() {
      result += part.first == "0" ? "~" : part.first == "1" ? "/" : "~"
      result += part.first == "0" || part.first == "1" ? String(part.dropFirst()) : String(part)
    }
    return result
  }

  /// The pointer of a `$ref`; percent escapes are decoded.
  func target(of reference: SchemaValue, at pointer: String) throws(SchemaError) -> String {
    guard case .string(let text) = reference else { throw SchemaError(.malformed, pointer, "'$ref' is a string") }
    guard text.hasPrefix("#") else {
      throw SchemaError(.unsupported, pointer, "'$ref' leads out of the schema, to '\(text.prefix(60))'")
    }
    var bytes: [UInt8] = []
    var rest = Array(text.utf8.dropFirst())[...]
    while let byte = rest.popFirst() {
      if byte == UInt8(ascii: "%"), rest.count >= 2,
        let code = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
      {
        bytes.append(code)
        rest = rest.dropFirst(2)
      } else {
        bytes.append(byte)
      }
    }
    let target = String(decoding: bytes, as: UTF8.self)
    if !target.isEmpty, !target.hasPrefix("/") {
      throw SchemaError(
        .unsupported, pointer, "'$ref' names an anchor, '\(target.prefix(60))'; only '#' and '#/…' are followed")
    }
    guard value(at: target) != nil else {
      throw SchemaError(.malformed, pointer, "'$ref' leads nowhere: '\(text.prefix(60))'")
    }
    return target
  }

  // MARK: - Sets

  /// A set of schemas as keywords and choices; nil if one of them is false.
  func flattened(_ items: [Item]) throws(SchemaError) -> (keywords: [String], choices: [String])? {
    var keywords: [String] = []
    var choices: [String] = []
    // Where each schema was first reached from.
    var origins: [String: String?] = [:]
    var work: [(item: Item, origin: String?)] = items.reversed().map { ($0, nil) }
    while let (item, origin) = work.popLast() {
      switch item {
      case .keywords(let pointer): if !keywords.contains(pointer) { keywords.append(pointer) }
      case .choice(let pointer): if !choices.contains(pointer) { choices.append(pointer) }
      case .schema(let pointer):
        guard origins[pointer] == nil else {
          var place = origin
          while let current = place, current != pointer { place = origins[current] ?? nil }
          guard place != nil else { continue }
          throw SchemaError(.unsatisfiable, pointer, "the schema is defined by nothing but itself")
        }
        origins.updateValue(origin, forKey: pointer)
        guard origins.count <= 5_000 else {
          throw SchemaError(.tooComplex, pointer, "too many schemas hold for one value")
        }
        switch value(at: pointer) {
        case .boolean(true): break
        case .boolean(false): return nil
        case .object(let members):
          for (name, _) in members { try SchemaKeyword.check(name, in: value(at: pointer) ?? .null, at: pointer) }
          if members.contains(where: { SchemaKeyword.constrains($0.name) }), !keywords.contains(pointer) {
            keywords.append(pointer)
          }
          for (name, member) in members {
            let place = "\(pointer)/\(Self.escaped(name))"
            switch name {
            case "$ref": work.append((.schema(try target(of: member, at: place)), pointer))
            case "allOf", "anyOf", "oneOf":
              guard case .array(let schemas) = member, !schemas.isEmpty else {
                throw SchemaError(.malformed, place, "'\(name)' is a list of schemas")
              }
              if name == "allOf" {
                for index in schemas.indices.reversed() { work.append((.schema("\(place)/\(index)"), pointer)) }
              } else if !choices.contains(place) {
                choices.append(place)
              }
            default: break
            }
          }
        default: throw SchemaError(.malformed, pointer, "a schema is an object, true or false")
        }
      }
    }
    return (keywords, choices)
  }

  private mutating func compile(_ items: [Item], _ start: Int32) throws(SchemaError) {
    guard let (keywords, choices) = try flattened(items) else { return }
    guard let choice = choices.first else {
      let end = try network.node(isEnd: true)
      return try alternatives(keywords, start, end)
    }
    guard case .array(let schemas)? = value(at: choice) else { return }
    if choice.hasSuffix("/oneOf") { try checkDisjoint(schemas.indices.map { "\(choice)/\($0)" }, at: choice) }
    let rest = keywords.map { Item.keywords($0) } + choices.dropFirst().map { Item.choice($0) }
    for index in schemas.indices {
      // The alternative ends where the value does, so that it need not come back here.
      network.empty(start, try value(rest + [.schema("\(choice)/\(index)")]))
    }
  }

  /// The values that fit keywords, of each type.
  private mutating func alternatives(_ keywords: [String], _ start: Int32, _ end: Int32) throws(SchemaError) {
    let constraint = try SchemaConstraint(keywords, self)
    if let values = constraint.values {
      for value in values where try fits(value, keywords) { try literal(value, start, end) }
      return
    }
    let types = constraint.types
    if types.contains(.null) { try network.bytes(start, "null".utf8, end) }
    if types.contains(.boolean) {
      try network.bytes(start, "true".utf8, end)
      try network.bytes(start, "false".utf8, end)
    }
    if types.contains(.integer) { try number(constraint, start, end) }
    if types.contains(.string) { try string(constraint, start, end) }
    if types.contains(.array) { try array(keywords, constraint, start, end) }
    if types.contains(.object) { try object(keywords, constraint, start, end) }
  }

  // MARK: - Literals

  /// One value, its members in the order of the schema.
  mutating func literal(_ value: SchemaValue, _ from: Int32, _ to: Int32) throws(SchemaError) {
    switch value {
    case .null: try network.bytes(from, "null".utf8, to)
    case .boolean(let flag): try network.bytes(from, (flag ? "true" : "false").utf8, to)
    case .number(let text): try network.bytes(from, text.utf8, to)
    case .string(let text): try quoted(text, from, to)
    case .array(let elements):
      var current = try network.node()
      network.edge(from, "[", current)
      for (index, element) in elements.enumerated() {
        if index > 0 { current = try comma(current) }
        let next = try network.node()
        try literal(element, current, next)
        current = next
      }
      network.edge(current, "]", to)
    case .object(let members):
      var current = try network.node()
      network.edge(from, "{", current)
      for (index, member) in members.enumerated() {
        if index > 0 { current = try comma(current) }
        let name = try network.node()
        try quoted(member.name, current, name)
        let next = try network.node()
        try literal(member.value, try separator(":", name), next)
        current = next
      }
      network.edge(current, "}", to)
    }
  }

  mutating func comma(_ from: Int32) throws(SchemaError) -> Int32 { try separator(",", from) }

  /// A comma or a colon, and one space or none.
  mutating func separator(_ sign: Unicode.Scalar, _ from: Int32) throws(SchemaError) -> Int32 {
    let (after, next) = (try network.node(), try network.node())
    network.edge(from, sign, after)
    network.empty(after, next)
    network.edge(after, " ", next)
    return next
  }

  /// A text as a string: each character in its shortest form, control characters also by their number.
  mutating func quoted(_ text: String, _ from: Int32, _ to: Int32) throws(SchemaError) {
    var current = try network.node()
    network.edge(from, "\"", current)
    for byte in text.utf8 {
      let next = try network.node()
      if byte < 0x20 || byte == 0x22 || byte == 0x5C {
        try escape(byte, current, next)
      } else {
        network.edge(current, byte...byte, next)
      }
      current = next
    }
    network.edge(current, "\"", to)
  }

  /// A character below 0x80 that a string can't have as it is.
  mutating func escape(_ byte: UInt8, _ from: Int32, _ to: Int32) throws(SchemaError) {
    let backslash = try network.node()
    network.edge(from, "\\", backslash)
    if let letter = Self.letter(ofEscaped: byte) { network.edge(backslash, letter, to) }
    guard byte < 0x20 else { return }
    let last = try network.node()
    try network.bytes(backslash, (byte < 0x10 ? "u000" : "u001").utf8, last)
    let digits = Array(String(byte & 15, radix: 16).utf8) + Array(String(byte & 15, radix: 16, uppercase: true).utf8)
    for digit in Set(digits).sorted() { network.edge(last, digit...digit, to) }
  }

  private static func letter(ofEscaped byte: UInt8) -> Unicode.Scalar? {
    switch byte {
    case 0x08: "b"
    case 0x09: "t"
    case 0x0A: "n"
    case 0x0C: "f"
    case 0x0D: "r"
    case 0x22, 0x5C: Unicode.Scalar(byte)
    default: nil
    }
  }
}
