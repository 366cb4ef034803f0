/// Arrays and objects.
extension SchemaCompiler {
  /// An array's elements, in order: those that `prefixItems` names, then those of `items`.
  mutating func array(
    _ keywords: [String], _ constraint: SchemaConstraint, _ start: Int32, _ end: Int32
  ) throws(SchemaError) {
    if let most = constraint.maxItems, most < constraint.minItems { return }
    var prefixes: [(pointer: String, count: Int)] = []
    for pointer in keywords {
      let name = try prefixName(pointer)
      if case .array(let schemas)? = value(at: "\(pointer)/\(name)") { prefixes.append((pointer, schemas.count)) }
    }
    let prefix = prefixes.map(\.count).max() ?? 0
    let counted = max(prefix, constraint.minItems, constraint.maxItems ?? 0)
    guard counted <= 20_000 else {
      throw SchemaError(.tooComplex, constraint.pointer, "more than 20000 elements that are counted are not supported")
    }
    var current = try network.node()
    network.edge(start, "[", current)
    var index = 0
    while true {
      if index >= constraint.minItems { network.edge(current, "]", end) }
      if index == constraint.maxItems { return }
      let element = try value(try items(keywords, index: index))
      let before = index == 0 ? current : try comma(current)
      // From here on all elements are alike.
      if constraint.maxItems == nil, index >= max(counted, 1) {
        network.call(before, element, current)
        return
      }
      let next = try network.node()
      network.call(before, element, next)
      current = next
      index += 1
    }
  }

  private func prefixName(_ pointer: String) throws(SchemaError) -> String {
    guard let schema = value(at: pointer) else { return "prefixItems" }
    if case .array? = schema["items"] { return "items" }
    if let prefix = schema["prefixItems"] {
      guard case .array = prefix else {
        throw SchemaError(.malformed, "\(pointer)/prefixItems", "'prefixItems' is a list")
      }
    }
    return "prefixItems"
  }

  /// What the element at that index has to fit.
  func items(_ keywords: [String], index: Int) throws(SchemaError) -> [Item] {
    var items: [Item] = []
    for pointer in keywords {
      guard let schema = value(at: pointer) else { continue }
      let name = try prefixName(pointer)
      var count = 0
      if case .array(let schemas)? = schema[name] { count = schemas.count }
      let rest = name == "items" ? "additionalItems" : "items"
      if index < count {
        items.append(.schema("\(pointer)/\(name)/\(index)"))
      } else if schema[rest] != nil {
        // Without a list before it, `additionalItems` says nothing.
        items.append(.schema("\(pointer)/\(rest)"))
      }
    }
    return items
  }

  // MARK: - Objects

  /// An object's members in the order of the schema's `properties`, optional ones perhaps left out, then others.
  mutating func object(
    _ keywords: [String], _ constraint: SchemaConstraint, _ start: Int32, _ end: Int32
  ) throws(SchemaError) {
    if let most = constraint.maxProperties, most < constraint.minProperties { return }
    let shape = try ObjectShape(keywords, self)
    let cap = max(constraint.minProperties, constraint.maxProperties ?? 0, 1)
    guard cap <= 2_000, cap * (shape.names.count + 1) <= 100_000 else {
      throw SchemaError(.tooComplex, constraint.pointer, "the object counts too many members")
    }
    // A row of nodes for each count of members; the last one stands for all above, unless there is a limit.
    func row() throws(SchemaError) -> [Int32] {
      var nodes: [Int32] = []
      for _ in 0...cap { nodes.append(try network.node()) }
      return nodes
    }
    func nextCount(_ count: Int) -> Int? {
      if let most = constraint.maxProperties, count >= most { return nil }
      return min(count + 1, cap)
    }
    var current = try row()
    network.edge(start, "{", current[0])
    for name in shape.names {
      let next = try row()
      let member = try self.member(named: name, try value(shape.items(for: name, self)))
      for count in 0...cap {
        if !shape.required.contains(name) { network.empty(current[count], next[count]) }
        guard let target = nextCount(count) else { continue }
        network.call(count == 0 ? current[count] : try comma(current[count]), member, next[target])
      }
      current = next
    }
    let others = try otherMember(shape, at: constraint.pointer)
    for count in 0...cap {
      if count >= constraint.minProperties { network.edge(current[count], "}", end) }
      guard let others, let target = nextCount(count) else { continue }
      network.call(count == 0 ? current[count] : try comma(current[count]), others, current[target])
    }
  }

  /// `"name": value`.
  private mutating func member(named name: String, _ value: Int32) throws(SchemaError) -> Int32 {
    let key = "\(value) \(name)"
    if let start = parts[key] { return start }
    let (start, after, end) = (try network.node(), try network.node(), try network.node(isEnd: true))
    parts[key] = start
    try quoted(name, start, after)
    network.call(try separator(":", after), value, end)
    return start
  }

  /// A member that `properties` doesn't name; nil where none is allowed.
  private mutating func otherMember(_ shape: ObjectShape, at pointer: String) throws(SchemaError) -> Int32? {
    let (start, body, end) = (try network.node(), try network.node(), try network.node(isEnd: true))
    network.edge(start, "\"", body)
    if shape.isFree {
      // Any name, in any of its forms.
      let after = try network.node()
      network.call(body, try character(), body)
      network.edge(body, "\"", after)
      network.setRoom(body, .max)
      network.call(try separator(":", after), try value(shape.items(matching: [], self)), end)
      return start
    }
    // Values by which patterns match their names.
    var values: [[Bool]: Int32] = [:]
    for match in try shape.possibleMatches(at: pointer) {
      let after = try network.node()
      network.call(try separator(":", after), try value(shape.items(matching: match, self)), end)
      values[match] = after
    }
    let known = values
    try characters(from: body, shape.patterns.map(\.pattern), words: shape.names, at: pointer) {
      (isWord, match) throws(SchemaError) in isWord ? nil : known[match]
    }
    return start
  }
}

/// Which members an object has, by the keywords that hold for it.
struct ObjectShape {
  private let keywords: [String]
  /// The names of `properties` in their order, then those that are only required.
  private(set) var names: [String] = []
  private(set) var required = Set<String>()
  private(set) var patterns: [(owner: Int, pattern: CharacterPattern, pointer: String)] = []
  private var declared: [Set<String>] = []
  private var hasAdditional: [Bool] = []

  init(_ keywords: [String], _ compiler: SchemaCompiler) throws(SchemaError) {
    self.keywords = keywords
    var seen = Set<String>()
    for (owner, pointer) in keywords.enumerated() {
      guard let schema = compiler.value(at: pointer) else { continue }
      var own = Set<String>()
      if let properties = schema["properties"] {
        guard case .object(let members) = properties else {
          throw SchemaError(.malformed, "\(pointer)/properties", "'properties' is an object")
        }
        for (name, _) in members {
          own.insert(name)
          if seen.insert(name).inserted { names.append(name) }
        }
      }
      declared.append(own)
      hasAdditional.append(schema["additionalProperties"] != nil)
      if let given = schema["patternProperties"] {
        guard case .object(let members) = given else {
          throw SchemaError(.malformed, "\(pointer)/patternProperties", "'patternProperties' is an object")
        }
        for (name, _) in members {
          let place = "\(pointer)/patternProperties/\(SchemaCompiler.escaped(name))"
          patterns.append((owner, try CharacterPattern(name, pointer: place), place))
        }
      }
    }
    for pointer in keywords {
      guard let given = compiler.value(at: pointer)?["required"] else { continue }
      // Draft 3 had a flag in each property.
      guard case .array(let elements) = given else {
        throw SchemaError(.malformed, "\(pointer)/required", "'required' is a list of names")
      }
      for element in elements {
        guard case .string(let name) = element else {
          throw SchemaError(.malformed, "\(pointer)/required", "'required' is a list of names")
        }
        required.insert(name)
        if seen.insert(name).inserted { names.append(name) }
      }
    }
  }

  /// Whether no name is told from another.
  var isFree: Bool { names.isEmpty && patterns.isEmpty }

  func items(for name: String, _ compiler: SchemaCompiler) -> [SchemaCompiler.Item] {
    var items: [SchemaCompiler.Item] = []
    for (owner, pointer) in keywords.enumerated() {
      var isCovered = false
      if declared[owner].contains(name) {
        items.append(.schema("\(pointer)/properties/\(SchemaCompiler.escaped(name))"))
        isCovered = true
      }
      for pattern in patterns where pattern.owner == owner && pattern.pattern.matches(name) {
        items.append(.schema(pattern.pointer))
        isCovered = true
      }
      if !isCovered, hasAdditional[owner] { items.append(.schema("\(pointer)/additionalProperties")) }
    }
    return items
  }

  /// What the value of another member has to fit, by which patterns match its name.
  func items(matching match: [Bool], _ compiler: SchemaCompiler) -> [SchemaCompiler.Item] {
    var items: [SchemaCompiler.Item] = []
    for (owner, pointer) in keywords.enumerated() {
      var isCovered = false
      for (pattern, matches) in zip(patterns, match) where matches && pattern.owner == owner {
        items.append(.schema(pattern.pointer))
        isCovered = true
      }
      if !isCovered, hasAdditional[owner] { items.append(.schema("\(pointer)/additionalProperties")) }
    }
    return items
  }

  /// All ways in which patterns may match.
  func possibleMatches(at pointer: String) throws(SchemaError) -> [[Bool]] {
    guard patterns.count <= 6 else {
      throw SchemaError(.tooComplex, "\(pointer)/patternProperties", "more than 6 patterns for names are not supported")
    }
    return (0..<(1 << patterns.count)).map { bits in patterns.indices.map { bits >> $0 & 1 == 1 } }
  }
}
