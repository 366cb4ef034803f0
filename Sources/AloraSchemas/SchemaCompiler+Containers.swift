internal import AloraSystem

/// Arrays and objects.
extension SchemaCompiler {
  private static let mostCounted = 20_000

  /// An array's elements, in order: those that `prefixItems` names, then those of `items`.
  mutating func array(
    _ keywords: [SchemaDocument.ID], _ constraint: SchemaConstraint, _ start: Int32, _ end: Int32
  ) throws(SchemaError) {
    if let most = constraint.maxItems, most < constraint.minItems { return }
    let shapes = try keywords.map { (id) throws(SchemaError) in try ArrayShape(id, document) }
    let prefix = shapes.map(\.prefix.count).max() ?? 0
    let counted = max(prefix, constraint.minItems, constraint.maxItems ?? 0)
    guard counted <= Self.mostCounted else {
      throw SchemaError(
        .tooComplex, constraint.place, "more than \(Self.mostCounted) elements that are counted are not supported")
    }
    var current = try network.node()
    network.edge(start, "[", current)
    var index = 0
    while true {
      if index >= constraint.minItems { network.edge(current, "]", end) }
      if index == constraint.maxItems { return }
      try budget.spend(shapes.count)
      let element = try value(shapes.compactMap { $0.item(at: index) })
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

  // MARK: - Objects

  /// An object's members in the order of the schema's `properties`, optional ones perhaps left out, then others.
  mutating func object(
    _ keywords: [SchemaDocument.ID], _ constraint: SchemaConstraint, _ start: Int32, _ end: Int32
  ) throws(SchemaError) {
    if let most = constraint.maxProperties, most < constraint.minProperties { return }
    let shape = try ObjectShape(keywords, self)
    // Names that the schema doesn't give may be equal, so that they count once for the least number, and each for the greatest.
    let least = constraint.minProperties
    let most = constraint.maxProperties
    guard least <= shape.names.count + 1 else {
      throw SchemaError(
        .unsupported, minPropertiesPlace(keywords) ?? constraint.place,
        "'minProperties' above the number of named members, plus 1 for all others together, is not supported",
        remedy: "name the members in 'properties', or ask for fewer")
    }
    let cap = max(least, most ?? 0, 1)
    guard cap <= 2_000, cap * (shape.names.count + 1) <= 100_000 else {
      throw SchemaError(.tooComplex, constraint.place, "the object counts too many members")
    }
    try budget.spend(cap * (shape.names.count + 1))
    // A row of nodes for each count of members; the last one stands for all above, unless there is a limit.
    func row() throws(SchemaError) -> [Int32] {
      var nodes: [Int32] = []
      for _ in 0...cap { nodes.append(try network.node()) }
      return nodes
    }
    func nextCount(_ count: Int) -> Int? {
      if let most, count >= most { return nil }
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
    for count in 0...cap where count >= least { network.edge(current[count], "}", end) }
    guard let others = try otherMember(shape, at: constraint.place) else { return }
    // One other member makes the least number only where one member was missing.
    let after = try row()
    for count in 0...cap {
      guard let target = nextCount(count) else { continue }
      let isEnough = count + 1 >= least
      let next = isEnough ? after[target] : try network.node()
      network.call(count == 0 ? current[count] : try comma(current[count]), others, next)
    }
    for count in 0...cap {
      network.edge(after[count], "}", end)
      guard let target = nextCount(count) else { continue }
      network.call(try comma(after[count]), others, after[target])
    }
  }

  private func minPropertiesPlace(_ keywords: [SchemaDocument.ID]) -> SchemaPlace? {
    for id in keywords {
      if let member = document.member("minProperties", of: id) {
        return SchemaPlace(document, member, keyword: "minProperties")
      }
    }
    return nil
  }

  /// `"name": value`.
  private mutating func member(named name: [UInt8], _ value: Int32) throws(SchemaError) -> Int32 {
    let key = MemberKey(name: name, value: value)
    if let start = members[key] { return start }
    let (start, after, end) = (try network.node(), try network.node(), try network.node(isEnd: true))
    members[key] = start
    try quoted(name, start, after)
    network.call(try separator(":", after), value, end)
    return start
  }

  /// A member that `properties` doesn't name; nil if none is allowed.
  private mutating func otherMember(_ shape: ObjectShape, at place: SchemaPlace) throws(SchemaError) -> Int32? {
    let (start, body, end) = (try network.node(), try network.node(), try network.node(isEnd: true))
    network.edge(start, "\"", body)
    if shape.isFree {
      // Any name, in any of its forms.
      let after = try network.node()
      network.call(body, try anyCharacter(), body)
      network.edge(body, "\"", after)
      network.setRoom(body, .max)
      network.call(try separator(":", after), try value(shape.items(matching: [])), end)
      return start
    }
    // Values by which patterns match their names.
    var values: [[Bool]: Int32] = [:]
    for match in shape.possibleMatches() {
      let after = try network.node()
      network.call(try separator(":", after), try value(shape.items(matching: match)), end)
      values[match] = after
    }
    let known = values
    try characters(from: body, shape.patterns.map(\.pattern), words: shape.names, at: place) {
      (isWord, match) throws(SchemaError) in isWord ? nil : known[match]
    }
    return start
  }
}

/// Which elements the keywords of one object ask for.
struct ArrayShape {
  let prefix: [SchemaDocument.ID]
  private let rest: SchemaDocument.ID?

  init(_ id: SchemaDocument.ID, _ document: SchemaDocument) throws(SchemaError) {
    // Drafts before 2020 had the list in `items`, and the others in `additionalItems`.
    if let items = document.member("items", of: id), case .array = document.value(items) {
      prefix = document.elements(of: items)
      rest = document.member("additionalItems", of: id)
      return
    }
    if let list = document.member("prefixItems", of: id) {
      guard case .array = document.value(list) else {
        throw SchemaError(.malformed, SchemaPlace(document, list, keyword: "prefixItems"), "'prefixItems' is a list")
      }
      prefix = document.elements(of: list)
    } else {
      prefix = []
    }
    rest = document.member("items", of: id)
  }

  func item(at index: Int) -> SchemaCompiler.Item? { (index < prefix.count ? prefix[index] : rest).map { .schema($0) } }
}
