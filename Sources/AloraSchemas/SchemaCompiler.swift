internal import AloraSystem

/// Compiles a schema to a network of bytes.
///
/// What a value has to fit is a set of schemas, all of them: a schema with `allOf` or `$ref` is one with more members, and one
/// with `anyOf` is a choice between sets. Each set becomes a part of the network once, so that recursion ends.
struct SchemaCompiler {
  /// A part of what a value has to fit, by the number of where it is.
  enum Item: Hashable {
    /// A schema with all its keywords.
    case schema(SchemaDocument.ID)
    /// The keywords of one object, without those that lead to other schemas for the same value.
    case keywords(SchemaDocument.ID)
    /// The alternatives of an `anyOf` or a `oneOf`.
    case choice(SchemaDocument.ID)

    fileprivate var order: (Int, SchemaDocument.ID) {
      switch self {
      case .schema(let id): (0, id)
      case .keywords(let id): (1, id)
      case .choice(let id): (2, id)
      }
    }
  }

  let document: SchemaDocument
  let budget = SchemaBudget()
  var network = ByteNetwork()
  private var starts: [[Item]: Int32] = [:]
  private var pending: [(items: [Item], start: Int32)] = []
  /// Where one character of a string starts, and each member by its name and its value's start.
  var character: Int32?
  var members: [MemberKey: Int32] = [:]
  private static let largestSetCount = 10_000

  struct MemberKey: Hashable {
    let name: [UInt8]
    let value: Int32
  }

  init(_ root: SchemaValue) { document = SchemaDocument(root) }

  /// Compiles all of it.
  ///
  /// - Returns: where a value starts.
  mutating func compile() throws(SchemaError) -> Int32 {
    let start = try value([.schema(0)])
    while let (items, start) = pending.popLast() { try compile(items, start) }
    guard network.prune(from: start) else {
      throw SchemaError(.unsatisfiable, "no value fits the schema")
    }
    return start
  }

  /// Where a value begins that fits all the items; it is compiled later.
  mutating func value(_ items: [Item]) throws(SchemaError) -> Int32 {
    try budget.spend(items.count)
    let key = items.count < 2 ? items : Set(items).sorted { $0.order < $1.order }
    if let start = starts[key] { return start }
    guard starts.count < Self.largestSetCount else {
      throw SchemaError(.tooComplex, "the schema combines more than \(Self.largestSetCount) sets of schemas")
    }
    let start = try network.node()
    starts[key] = start
    pending.append((key, start))
    return start
  }

  // MARK: - Sets

  /// A set of schemas as keywords and choices; nil if one of them is false.
  func flattened(
    _ items: [Item]
  ) throws(SchemaError) -> (keywords: [SchemaDocument.ID], choices: [SchemaDocument.ID])? {
    var keywords: [SchemaDocument.ID] = []
    var choices: [SchemaDocument.ID] = []
    var seen = Set<Item>()
    // Where each schema was first reached from.
    var origins: [SchemaDocument.ID: SchemaDocument.ID] = [:]
    var work: [(item: Item, origin: SchemaDocument.ID)] = items.reversed().map { ($0, -1) }
    while let (item, origin) = work.popLast() {
      try budget.spend(1)
      switch item {
      case .keywords(let id): if seen.insert(item).inserted { keywords.append(id) }
      case .choice(let id): if seen.insert(item).inserted { choices.append(id) }
      case .schema(let id):
        guard origins[id] == nil else {
          var place = origin
          while place >= 0, place != id { place = origins[place] ?? -1 }
          guard place >= 0 else { continue }
          throw SchemaError(
            .unsatisfiable, SchemaPlace(document, id), "the schema is defined by nothing but itself",
            remedy: "remove the reference that leads back, or put it below 'properties' or 'items'")
        }
        origins[id] = origin
        switch document.value(id) {
        case .boolean(true): break
        case .boolean(false): return nil
        case .object(let members):
          try budget.spend(members.count)
          for (name, value) in members { try SchemaKeyword.check(name, value, of: id, in: document) }
          if members.contains(where: { SchemaKeyword.constrains($0.name) }), seen.insert(.keywords(id)).inserted {
            keywords.append(id)
          }
          for (name, _) in members {
            guard let member = document.member(name, of: id) else { continue }
            switch name {
            case "$ref": work.append((.schema(try document.target(of: member)), id))
            case "allOf", "anyOf", "oneOf":
              let schemas = document.elements(of: member)
              guard !schemas.isEmpty else {
                throw SchemaError(
                  .malformed, SchemaPlace(document, member, keyword: name), "'\(name)' is a list of schemas")
              }
              if name == "allOf" {
                for schema in schemas.reversed() { work.append((.schema(schema), id)) }
              } else if seen.insert(.choice(member)).inserted {
                choices.append(member)
              }
            default: break
            }
          }
        default: throw SchemaError(.malformed, SchemaPlace(document, id), "a schema is an object, true or false")
        }
      }
    }
    return (keywords, choices)
  }

  /// Whether a choice is of a `oneOf`.
  func isExclusive(_ choice: SchemaDocument.ID) -> Bool {
    guard case .member("oneOf") = document.nodes[Int(choice)].step else { return false }
    return true
  }

  private mutating func compile(_ items: [Item], _ start: Int32) throws(SchemaError) {
    guard let (keywords, choices) = try flattened(items) else { return }
    guard let choice = choices.first else {
      let end = try network.node(isEnd: true)
      return try alternatives(keywords, start, end)
    }
    if isExclusive(choice) { try checkDisjoint(choice) }
    let rest = keywords.map { Item.keywords($0) } + choices.dropFirst().map { Item.choice($0) }
    for schema in document.elements(of: choice) {
      // The alternative ends where the value does, so that it need not come back here.
      network.empty(start, try value(rest + [.schema(schema)]))
    }
  }

  /// The values that fit keywords, of each type.
  private mutating func alternatives(
    _ keywords: [SchemaDocument.ID], _ start: Int32, _ end: Int32
  ) throws(SchemaError) {
    let constraint = try SchemaConstraint(keywords, self)
    if let values = constraint.values {
      let shape = try ObjectShape(keywords, self)
      var tree = LiteralTree()
      for value in values where try fits(value, keywords, constraint, shape, depth: 0) {
        try literal(value, start, end, sharing: &tree)
      }
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

  /// The nodes of literals that begin alike, so that long lists have few alternatives at each place.
  private struct LiteralTree {
    private var nodes: [UInt64: Int32] = [:]

    subscript(node: Int32, byte: UInt8) -> Int32? {
      get { nodes[UInt64(UInt32(bitPattern: node)) << 8 | UInt64(byte)] }
      set { nodes[UInt64(UInt32(bitPattern: node)) << 8 | UInt64(byte)] = newValue }
    }
  }

  /// One value of a list. Strings share what they begin with.
  private mutating func literal(
    _ value: SchemaValue, _ from: Int32, _ to: Int32, sharing tree: inout LiteralTree
  ) throws(SchemaError) {
    guard case .string(let text) = value else { return try literal(value, from, to) }
    try budget.spend(text.utf8.count)
    var current = from
    for byte in [UInt8(ascii: "\"")] + text.utf8 {
      if let known = tree[current, byte] {
        current = known
        continue
      }
      let next = try network.node()
      let isOpening = current == from
      tree[current, byte] = next
      if !isOpening, byte < 0x20 || byte == 0x22 || byte == 0x5C {
        try escape(byte, current, next)
      } else {
        network.edge(current, byte...byte, next)
      }
      current = next
    }
    network.edge(current, "\"", to)
  }

  /// One value, its members in the order of the schema.
  mutating func literal(_ value: SchemaValue, _ from: Int32, _ to: Int32) throws(SchemaError) {
    try budget.spend(1)
    switch value {
    case .null: try network.bytes(from, "null".utf8, to)
    case .boolean(let flag): try network.bytes(from, (flag ? "true" : "false").utf8, to)
    case .number(let text): try network.bytes(from, text.utf8, to)
    case .string(let text): try quoted(Array(text.utf8), from, to)
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
        try quoted(Array(member.name.utf8), current, name)
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
  mutating func quoted(_ text: [UInt8], _ from: Int32, _ to: Int32) throws(SchemaError) {
    var current = try network.node()
    network.edge(from, "\"", current)
    for byte in text {
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
