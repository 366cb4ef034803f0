internal import AloraSystem

/// Single values: which of an `enum` fit the other keywords, and which alternatives exclude each other.
extension SchemaCompiler {
  /// Whether a value fits a set of schemas.
  func fits(_ value: SchemaValue, items: [Item], depth: Int = 0) throws(SchemaError) -> Bool {
    guard depth < 200 else { throw SchemaError(.tooComplex, "a value of 'enum' or 'const' nests too deeply") }
    guard let (keywords, choices) = try flattened(items) else { return false }
    for choice in choices {
      var count = 0
      for schema in document.elements(of: choice) where try fits(value, items: [.schema(schema)], depth: depth + 1) {
        count += 1
      }
      if count == 0 || isExclusive(choice) && count > 1 { return false }
    }
    let constraint = try SchemaConstraint(keywords, self)
    guard constraint.lists(value) else { return false }
    return try fits(value, keywords, constraint, try ObjectShape(keywords, self), depth: depth)
  }

  /// Whether a value fits keywords, `enum` and `const` aside.
  func fits(
    _ value: SchemaValue, _ keywords: [SchemaDocument.ID], _ constraint: SchemaConstraint, _ shape: ObjectShape,
    depth: Int
  ) throws(SchemaError) -> Bool {
    try budget.spend(1)
    guard !constraint.types.isDisjoint(with: SchemaTypes(of: value)) else { return false }
    switch value {
    case .null, .boolean: return true
    case .number(let text):
      guard let number = SchemaDecimal(text) else {
        throw SchemaError(.unsupported, constraint.place, "a number of 'enum' or 'const' is too long")
      }
      if let low = constraint.minimum, number < low.value || low.isExclusive && number == low.value { return false }
      if let high = constraint.maximum, high.value < number || high.isExclusive && number == high.value { return false }
      return constraint.divisor.map { $0.divides(number) } ?? true
    case .string(let text):
      let length = text.unicodeScalars.count
      guard length >= constraint.minLength, length <= constraint.maxLength ?? .max else { return false }
      for pattern in constraint.patterns where try !pattern.matches(text, budget) { return false }
      return true
    case .array(let elements):
      guard elements.count >= constraint.minItems, elements.count <= constraint.maxItems ?? .max else { return false }
      let shapes = try keywords.map { (id) throws(SchemaError) in try ArrayShape(id, document) }
      for (index, element) in elements.enumerated()
      where try !fits(element, items: shapes.compactMap { $0.item(at: index) }, depth: depth + 1) { return false }
      return true
    case .object(let members):
      guard members.count >= constraint.minProperties, members.count <= constraint.maxProperties ?? .max,
        shape.required.isSubset(of: Set(members.map { Array($0.name.utf8) }))
      else { return false }
      for (name, value) in members
      where try !fits(value, items: shape.items(for: Array(name.utf8), self), depth: depth + 1) { return false }
      return true
    }
  }

  // MARK: - oneOf

  /// - Throws: `unsupported` where two alternatives of a `oneOf` may both fit one value.
  func checkDisjoint(_ choice: SchemaDocument.ID) throws(SchemaError) {
    let schemas = document.elements(of: choice)
    let place = SchemaPlace(document, choice, keyword: "oneOf")
    guard schemas.count <= 200 else {
      throw SchemaError(.tooComplex, place, "'oneOf' with more than 200 alternatives is not supported")
    }
    for (index, first) in schemas.enumerated() {
      for (other, second) in schemas.enumerated().dropFirst(index + 1) {
        guard try excludesEachOther([.schema(first)], [.schema(second)], depth: 0) else {
          throw SchemaError(
            .unsupported, place,
            "'oneOf' whose alternatives may fit the same value (\(index) and \(other)) is not supported",
            remedy: "use 'anyOf', or give each alternative a 'const' of its own")
        }
      }
    }
  }

  private func excludesEachOther(_ first: [Item], _ second: [Item], depth: Int) throws(SchemaError) -> Bool {
    guard let (keywords, choices) = try flattened(first), let (others, otherChoices) = try flattened(second) else {
      return true
    }
    guard depth < 6 else { return false }
    let (left, right) = (try SchemaConstraint(keywords, self), try SchemaConstraint(others, self))
    if left.types.isDisjoint(with: right.types) { return true }
    // Alternatives of an alternative: each of them has to exclude the other side.
    for (items, rest, other) in [(keywords, choices, second), (others, otherChoices, first)] {
      for choice in rest {
        let schemas = document.elements(of: choice)
        guard schemas.count <= 50 else { continue }
        var all = true
        for schema in schemas where all {
          all = try excludesEachOther(items.map { .keywords($0) } + [.schema(schema)], other, depth: depth + 1)
        }
        if all { return true }
      }
    }
    // Values that are listed: none of them fits the other side.
    for (listed, own, other) in [(left.values, first, second), (right.values, second, first)] {
      guard let listed else { continue }
      var fitting = false
      for value in listed where !fitting {
        guard try fits(value, items: own) else { continue }
        fitting = try fits(value, items: other)
      }
      if !fitting { return true }
    }
    let common = left.types.intersection(right.types)
    if common.isSubset(of: [.integer, .fraction]) {
      for (low, high) in [(left.minimum, right.maximum), (right.minimum, left.maximum)] {
        guard let low, let high else { continue }
        if high.value < low.value || high.value == low.value && (low.isExclusive || high.isExclusive) { return true }
      }
    }
    guard common == .object else { return false }
    // A member that one side requires: the other side must not have it, or, if it requires it too, with other values.
    let (a, b) = (try ObjectShape(keywords, self), try ObjectShape(others, self))
    for name in a.required.union(b.required).sorted(by: { $0.lexicographicallyPrecedes($1) }) {
      let (one, two) = (try a.items(for: name, self), try b.items(for: name, self))
      if a.required.contains(name), try flattened(two) == nil { return true }
      if b.required.contains(name), try flattened(one) == nil { return true }
      guard a.required.contains(name), b.required.contains(name) else { continue }
      if try excludesEachOther(one, two, depth: depth + 1) { return true }
    }
    return false
  }
}
