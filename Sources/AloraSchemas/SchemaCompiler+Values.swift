internal import AloraSystem

/// Single values: which of an `enum` fit the other keywords, and which alternatives exclude each other.
extension SchemaCompiler {
  /// Whether a value fits a set of schemas.
  func fits(_ value: SchemaValue, items: [Item], depth: Int = 0) throws(SchemaError) -> Bool {
    guard depth < 200 else { throw SchemaError(.tooComplex, "", "a value of 'enum' or 'const' nests too deeply") }
    guard let (keywords, choices) = try flattened(items) else { return false }
    for choice in choices {
      guard case .array(let schemas)? = self.value(at: choice) else { continue }
      var count = 0
      for index in schemas.indices where try fits(value, items: [.schema("\(choice)/\(index)")], depth: depth + 1) {
        count += 1
      }
      if count == 0 || choice.hasSuffix("/oneOf") && count > 1 { return false }
    }
    let constraint = try SchemaConstraint(keywords, self)
    if let values = constraint.values, !values.contains(where: { $0.isEqual(to: value) }) { return false }
    return try fits(value, keywords, constraint, depth: depth)
  }

  func fits(_ value: SchemaValue, _ keywords: [String]) throws(SchemaError) -> Bool {
    try fits(value, keywords, try SchemaConstraint(keywords, self), depth: 0)
  }

  private func fits(
    _ value: SchemaValue, _ keywords: [String], _ constraint: SchemaConstraint, depth: Int
  ) throws(SchemaError) -> Bool {
    guard !constraint.types.isDisjoint(with: SchemaTypes(of: value)) else { return false }
    switch value {
    case .null, .boolean: return true
    case .number(let text):
      guard let number = SchemaDecimal(text) else {
        throw SchemaError(.unsupported, constraint.pointer, "a number of 'enum' or 'const' is too long")
      }
      if let low = constraint.minimum, number < low.value || low.isExclusive && number == low.value { return false }
      if let high = constraint.maximum, high.value < number || high.isExclusive && number == high.value { return false }
      guard let divisor = constraint.divisor?.value else { return true }
      return number.isWhole && number.remainder(dividedBy: divisor) == 0
    case .string(let text):
      let length = text.unicodeScalars.count
      return length >= constraint.minLength && length <= constraint.maxLength ?? .max
        && constraint.patterns.allSatisfy { $0.matches(text) }
    case .array(let elements):
      guard elements.count >= constraint.minItems, elements.count <= constraint.maxItems ?? .max else { return false }
      for (index, element) in elements.enumerated()
      where try !fits(element, items: try self.items(keywords, index: index), depth: depth + 1) { return false }
      return true
    case .object(let members):
      guard members.count >= constraint.minProperties, members.count <= constraint.maxProperties ?? .max else {
        return false
      }
      let shape = try ObjectShape(keywords, self)
      guard shape.required.allSatisfy({ value[$0] != nil }) else { return false }
      for member in members
      where try !fits(member.value, items: shape.items(for: member.name, self), depth: depth + 1) { return false }
      return true
    }
  }

  // MARK: - oneOf

  /// - Throws: `unsupported` where two alternatives of a `oneOf` may both fit one value.
  func checkDisjoint(_ pointers: [String], at place: String) throws(SchemaError) {
    guard pointers.count <= 200 else {
      throw SchemaError(.tooComplex, place, "'oneOf' with more than 200 alternatives is not supported")
    }
    for (index, first) in pointers.enumerated() {
      for second in pointers.dropFirst(index + 1) {
        guard try excludesEachOther([.schema(first)], [.schema(second)], depth: 0) else {
          throw SchemaError(
            .unsupported, place,
            "'oneOf' whose alternatives may fit the same value (\(first.split(separator: "/").last ?? "") and \(second.split(separator: "/").last ?? "")) is not supported",
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
        guard case .array(let schemas)? = value(at: choice), schemas.count <= 50 else { continue }
        var all = true
        for index in schemas.indices where all {
          all = try excludesEachOther(
            items.map { .keywords($0) } + [.schema("\(choice)/\(index)")], other, depth: depth + 1)
        }
        if all { return true }
      }
    }
    // Values that are listed: none of them fits the other side.
    if let values = left.values {
      var fitting = false
      for value in values where try fits(value, keywords) {
        if try fits(value, items: second) { fitting = true }
      }
      if !fitting { return true }
    }
    if let values = right.values {
      var fitting = false
      for value in values where try fits(value, others) {
        if try fits(value, items: first) { fitting = true }
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
    // A member that one side requires, and whose values on both sides exclude each other.
    let (a, b) = (try ObjectShape(keywords, self), try ObjectShape(others, self))
    for name in a.required.union(b.required).sorted() {
      let (one, two) = (a.items(for: name, self), b.items(for: name, self))
      let isInBoth = a.required.contains(name) && b.required.contains(name)
      // Where only one side requires it, the other side must not have it.
      if isInBoth ? try excludesEachOther(one, two, depth: depth + 1) : false { return true }
      if a.required.contains(name), try flattened(two) == nil { return true }
      if b.required.contains(name), try flattened(one) == nil { return true }
    }
    return false
  }
}
