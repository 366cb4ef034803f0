/// Filters that go through lists. Jinja's are generators: they hold whatever is left to give, and count as true.
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
    switch attribute {
    case .integer: return [attribute]
    case .string(let text):
      return text.split(separator: ".", omittingEmptySubsequences: false).map { name -> TemplateValue in
        let isIndex = !name.isEmpty && name.utf8.allSatisfy { (0x30...0x39).contains($0) }
        if isIndex, let index = Int(name) { return .integer(index) }
        return .string(String(name))
      }
    default: throw failure(line, "an attribute is a string or a number, not a value of type \(attribute.typeName)")
    }
  }

  private mutating func attribute(
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
    guard arguments.named.isEmpty else {
      throw failure(line, "'\(filter.rawValue)' takes arguments without names here")
    }
    var rest = arguments.positional
    var path: [TemplateValue]?
    if filter == .selectattr || filter == .rejectattr {
      guard let attribute = rest.first else { throw failure(line, "'\(filter.rawValue)' takes an attribute's name") }
      path = try self.path(attribute, line)
      rest.removeFirst()
    }
    var test: TemplateTest?
    if let name = rest.first {
      guard let known = TemplateTest(rawValue: name.text) else {
        throw failure(line, "the test '\(name.text)' is not supported")
      }
      test = known
      rest.removeFirst()
    }
    var kept: [TemplateValue] = []
    // Whatever counts as false has no elements here, None too.
    for element in value.isTrue ? try iterated(value, line) : [] {
      var tested = element
      if let path { tested = try attribute(path, ofElement: element, line) }
      let holds =
        try test.map { (test) throws(TemplateError) in try self.test(test, tested, rest, line) } ?? tested.isTrue
      if holds == (filter == .select || filter == .selectattr) { kept.append(element) }
    }
    return try generator(kept, line)
  }

  mutating func mapped(
    _ value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    let elements = value.isTrue ? try iterated(value, line) : []
    if arguments.positional.isEmpty, let attribute = arguments.value(0, "attribute") {
      for (name, _) in arguments.named where name != "attribute" && name != "default" {
        throw failure(line, "'map' takes no argument '\(name)' beside an attribute")
      }
      let other = given(arguments.value(0, "default"))
      return try generator(try attributes(elements, try path(attribute, line), default: other, line), line)
    }
    guard let name = arguments.positional.first?.text, let filter = TemplateFilter(rawValue: name), filter != .map
    else {
      throw failure(line, "'map' takes an attribute or a supported filter")
    }
    var rest = arguments
    rest.positional.removeFirst()
    var result: [TemplateValue] = []
    for element in elements { result.append(try apply(filter, to: element, rest, line)) }
    return try generator(result, line)
  }

  /// Sorted by the elements or their attributes, in whose texts case does not count unless it is asked for.
  mutating func sorted(
    _ value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> [TemplateValue] {
    let elements = try iterated(value, line)
    let isReversed = arguments.value(0, "reverse")?.isTrue ?? false
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
        var part = try attribute(path, ofElement: element, line)
        if case .string(let text) = part {
          try scan(text, line)
          if !countsCase { part = .string(PythonText.lower(text)) }
        }
        parts.append(part)
      }
      keys.append(.list(parts))
    }
    // Each round of sorting looks at each key once.
    var (count, byteCount) = (0, 0)
    guard TemplateValue.list(keys).measure(limits, depth: 0, &count, &byteCount) else {
      throw failure(line, "a value becomes too large")
    }
    try step(line, cost: (count + byteCount / 16) * (Int.bitWidth - elements.count.leadingZeroBitCount))
    var isOrdered = true
    let order = keys.indices.sorted { first, second in
      guard let sign = keys[first].order(to: keys[second]) else {
        isOrdered = false
        return false
      }
      return sign == 0 ? first < second : (sign < 0) != isReversed
    }
    guard isOrdered else { throw failure(line, "'sort' takes values that have an order among each other") }
    return order.map { elements[$0] }
  }
}
