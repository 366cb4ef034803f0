/// Filters that iterate over lists. Jinja's are generators: they have whatever is left to give, and count as true.
extension TemplateRun {
  /// A generator that gives each of the elements once.
  mutating func generator(_ elements: [TemplateValue], _ line: Int) throws(TemplateError) -> TemplateValue {
    _ = try measured(.list(elements), line)
    generators.append(elements)
    return .generator(generators.count - 1)
  }

  /// What a generator has left to give.
  func rest(of number: Int, _ line: Int) throws(TemplateError) -> [TemplateValue] {
    guard let rest = generators[number] else {
      throw failure(line, "a generator that a loop left early cannot be used again here: write '|list' before the loop")
    }
    return rest
  }

  /// The first element, which a generator then has given.
  mutating func firstElement(of value: TemplateValue, _ line: Int) throws(TemplateError) -> TemplateValue? {
    guard case .generator(let number) = value else { return try iterated(value, line).first }
    let rest = try rest(of: number, line)
    try step(line, cost: rest.count)
    generators[number] = Array(rest.dropFirst())
    return rest.first
  }

  /// An attribute as filters take it: a name, or names and indices with dots between, or an index.
  func path(_ attribute: TemplateValue, _ line: Int) throws(TemplateError) -> [TemplateValue] {
    switch attribute.plain {
    case .integer: return [attribute]
    case .string(let text):
      return text.split(separator: ".", omittingEmptySubsequences: false).map { name -> TemplateValue in
        let isIndex = !name.isEmpty && name.utf8.allSatisfy { (0x30...0x39).contains($0) }
        if isIndex, let index = Int(name) { return .integer(index) }
        return .string(String(name))
      }
    case .none: return []
    case .list, .dictionary:
      throw failure(line, "an attribute is a string or a number, not a value of type \(attribute.typeName)")
    default: return [attribute.plain]
    }
  }

  mutating func attribute(
    _ path: [TemplateValue], ofElement element: TemplateValue, default other: TemplateValue? = nil, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    var value = element
    for part in path {
      value = try item(part, of: value, line)
      if value.isUndefined, let other { value = other }
    }
    return value
  }

  mutating func attributes(
    _ elements: [TemplateValue], _ path: [TemplateValue], default other: TemplateValue? = nil, _ line: Int
  ) throws(TemplateError) -> [TemplateValue] {
    var result: [TemplateValue] = []
    for element in elements { result.append(try attribute(path, ofElement: element, default: other, line)) }
    return result
  }

  mutating func selected(
    _ value: TemplateValue, _ filter: TemplateFilter, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    // A value that counts as false has no elements here, None included, and the other arguments are not looked at.
    guard value.isTrue else { return try generator([], line) }
    var rest = arguments
    var path: [TemplateValue]?
    if filter == .selectattr || filter == .rejectattr {
      guard let attribute = rest.positional.first else {
        throw failure(line, "'\(filter.rawValue)' takes an attribute's name")
      }
      path = try self.path(attribute, line)
      rest.positional.removeFirst()
    }
    let name = rest.positional.first
    if name != nil { rest.positional.removeFirst() }
    var kept: [TemplateValue] = []
    for element in try iterated(value, line) {
      var tested = element
      if let path { tested = try attribute(path, ofElement: element, line) }
      let holds =
        try name.map { (name) throws(TemplateError) in
          try self.test(try self.test(try text(of: name, line), line), tested, rest, line)
        } ?? tested.isTrue
      if holds == (filter == .select || filter == .selectattr) { kept.append(element) }
    }
    return try generator(kept, line)
  }

  mutating func mapped(
    _ value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    guard value.isTrue else { return try generator([], line) }
    let elements = try iterated(value, line)
    if arguments.positional.isEmpty, let attribute = arguments.value(0, "attribute") {
      for (name, _) in arguments.named where name != "attribute" && name != "default" {
        throw failure(line, "'map' takes no argument '\(name)' beside an attribute")
      }
      let other = given(arguments.value(0, "default"))
      return try generator(try attributes(elements, try path(attribute, line), default: other, line), line)
    }
    guard let name = arguments.positional.first else { throw failure(line, "'map' takes an attribute or a filter") }
    var rest = arguments
    rest.positional.removeFirst()
    var result: [TemplateValue] = []
    for element in elements {
      let filter = try filter(try text(of: name, line), line)
      let applied = try nested(line) { (run) throws(TemplateError) in
        if case .string(let text) = element.plain, filter.looksThroughTexts { try run.scan(text, line) }
        return try run.apply(filter, to: element, rest, line)
      }
      result.append(try measured(applied, line))
    }
    return try generator(result, line)
  }

  /// Sorted by the elements or their attributes, in whose texts case does not count unless it is asked for.
  mutating func sorted(
    _ value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> [TemplateValue] {
    let elements = try iterated(value, line)
    let isReversed = try whole(arguments.value(0, "reverse") ?? .integer(0), "reverse", of: "sort", line) != 0
    let countsCase = arguments.value(1, "case_sensitive")?.isTrue ?? false
    var paths: [[TemplateValue]] = [[]]
    if let attribute = given(arguments.value(2, "attribute")) {
      paths = []
      var names = [attribute]
      if case .string(let text) = attribute {
        names = text.split(separator: ",", omittingEmptySubsequences: false).map { .string(String($0)) }
      }
      for name in names { paths.append(try path(name, line)) }
    }
    var keys: [TemplateValue] = []
    for element in elements {
      var parts: [TemplateValue] = []
      for path in paths {
        parts.append(try key(try attribute(path, ofElement: element, line), countsCase: countsCase, line))
      }
      keys.append(.list(parts))
    }
    return try order(of: keys, isReversed: isReversed, "sort", line).map { elements[$0] }
  }

  /// What a value is compared by: a text without its case unless case counts.
  mutating func key(_ value: TemplateValue, countsCase: Bool, _ line: Int) throws(TemplateError) -> TemplateValue {
    guard case .string(let text) = value.plain else { return value }
    try scan(text, line)
    return countsCase ? value.plain : .string(PythonText.lower(text))
  }

  /// The places of the keys in their order; equal ones stay as they are.
  mutating func order(
    of keys: [TemplateValue], isReversed: Bool = false, _ callee: String, _ line: Int
  ) throws(TemplateError) -> [Int] {
    // Each round of sorting looks at each key once.
    var (count, byteCount) = (0, 0)
    guard TemplateValue.list(keys).measure(limits, depth: 0, &count, &byteCount) else {
      throw failure(line, "a value becomes too large")
    }
    try step(line, cost: (count + byteCount / 16) * (Int.bitWidth - keys.count.leadingZeroBitCount))
    var isOrdered = true
    let order = keys.indices.sorted { first, second in
      guard let sign = keys[first].order(to: keys[second]) else {
        isOrdered = false
        return false
      }
      return sign == 0 ? first < second : (sign < 0) != isReversed
    }
    guard isOrdered else { throw failure(line, "'\(callee)' takes values that can be ordered") }
    return order
  }
}
