/// Filters that make lists of lists, or one value of many.
extension TemplateRun {
  mutating func lastElement(of value: TemplateValue, _ line: Int) throws(TemplateError) -> TemplateValue {
    if case .generator = value { throw failure(line, "'last' doesn't take a generator: write '|list' before it") }
    let element = try iterated(value, line).last ?? .undefined("the last of an empty list")
    return value.isMarked ? .markup(element.text) : element
  }

  mutating func reversed(_ value: TemplateValue, _ line: Int) throws(TemplateError) -> TemplateValue {
    switch value {
    case .string(let text): return .string(PythonText.string(text.unicodeScalars.reversed()))
    case .markup(let text): return .markup(PythonText.string(text.unicodeScalars.reversed()))
    case .generator: return .list(try iterated(value, line).reversed())
    default: return try generator(try iterated(value, line).reversed(), line)
    }
  }

  mutating func dictionarySorted(
    _ value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    guard case .string(let part) = arguments.value(1, "by")?.plain ?? .string("key"), part == "key" || part == "value"
    else { throw failure(line, "'dictsort' sorts by key or value") }
    guard case .dictionary(let members) = value else { throw failure(line, "'dictsort' takes a dictionary") }
    let countsCase = arguments.value(0, "case_sensitive")?.isTrue ?? false
    var keys: [TemplateValue] = []
    for value in part == "key" ? members.keys : members.values {
      keys.append(try key(value, countsCase: countsCase, line))
    }
    let isReversed = try whole(arguments.value(2, "reverse") ?? .integer(0), "reverse", of: "dictsort", line) != 0
    let order = try order(of: keys, isReversed: isReversed, "dictsort", line)
    return .list(order.map { .tuple([members.keys[$0], members.values[$0]]) })
  }

  mutating func batched(
    _ value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    guard let count = arguments.value(0, "linecount") else { throw failure(line, "'batch' takes a number") }
    var batches: [TemplateValue] = []
    var current: [TemplateValue] = []
    for element in try iterated(value, line) {
      if count.isEqual(to: .integer(current.count)) {
        batches.append(.list(current))
        current = []
      }
      current.append(element)
    }
    guard !current.isEmpty else { return try generator(batches, line) }
    if let fill = given(arguments.value(1, "fill_with")) {
      guard let size = count.numeric else { throw failure(line, "'batch' takes a number") }
      if Double(current.count) < size {
        let missing = try whole(count, "linecount", of: "batch", line) - current.count
        guard missing <= limits.elementCount else { throw failure(line, "a list becomes too long") }
        current += [TemplateValue](repeating: fill, count: missing)
      }
    }
    return try generator(batches + [.list(current)], line)
  }

  mutating func sliced(
    _ value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    guard let argument = arguments.value(0, "slices") else { throw failure(line, "'slice' takes a number") }
    let elements = try iterated(value, line)
    let count = try whole(argument, "slices", of: "slice", line)
    guard count != 0, count <= limits.elementCount else {
      throw failure(line, "'slice' takes a number from 1 to \(limits.elementCount)")
    }
    guard count > 0 else { return try generator([], line) }
    let (size, longer) = elements.count.quotientAndRemainder(dividingBy: count)
    let fill = given(arguments.value(1, "fill_with"))
    var slices: [TemplateValue] = []
    var start = 0
    for index in 0..<count {
      let end = start + size + (index < longer ? 1 : 0)
      var part = Array(elements[start..<end])
      if let fill, index >= longer { part.append(fill) }
      slices.append(.list(part))
      start = end
    }
    try step(line, cost: count)
    return try generator(slices, line)
  }

  /// The attribute of each element that a filter's argument names; the elements themselves without one.
  private mutating func attributes(
    _ elements: [TemplateValue], named attribute: TemplateValue?, default other: TemplateValue? = nil, _ line: Int
  ) throws(TemplateError) -> [TemplateValue] {
    guard let attribute = given(attribute) else { return elements }
    return try attributes(elements, try path(attribute, line), default: other, line)
  }

  private mutating func keys(
    _ values: [TemplateValue], countsCase: Bool, _ line: Int
  ) throws(TemplateError) -> [TemplateValue] {
    var keys: [TemplateValue] = []
    for value in values { keys.append(try key(value, countsCase: countsCase, line)) }
    return keys
  }

  mutating func grouped(
    _ value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    guard let attribute = arguments.value(0, "attribute") else { throw failure(line, "'groupby' takes an attribute") }
    let elements = try iterated(value, line)
    let values = try attributes(
      elements, named: attribute, default: given(arguments.value(1, "default")), line)
    let keys = try keys(values, countsCase: arguments.value(2, "case_sensitive")?.isTrue ?? false, line)
    let order = try order(of: keys, "groupby", line)
    var groups: [TemplateValue] = []
    var start = 0
    while start < order.count {
      let end = order[start...].firstIndex { !keys[$0].isEqual(to: keys[order[start]]) } ?? order.count
      groups.append(.group(values[order[start]], order[start..<end].map { elements[$0] }))
      start = end
    }
    return .list(groups)
  }

  mutating func extreme(
    _ value: TemplateValue, _ filter: TemplateFilter, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    let elements = try iterated(value, line)
    let values = try attributes(elements, named: arguments.value(1, "attribute"), line)
    let keys = try keys(values, countsCase: arguments.value(0, "case_sensitive")?.isTrue ?? false, line)
    guard var best = keys.indices.first else { return .undefined("the \(filter.rawValue) of an empty list") }
    for index in keys.indices.dropFirst() {
      _ = try measured(keys[index], line)
      guard let order = keys[index].order(to: keys[best]) else {
        throw failure(line, "'\(filter.rawValue)' takes values that can be ordered")
      }
      if filter == .max ? order > 0 : order < 0 { best = index }
    }
    return elements[best]
  }

  mutating func sum(
    _ value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    let values = try attributes(try iterated(value, line), named: arguments.value(0, "attribute"), line)
    var sum = arguments.value(1, "start") ?? .integer(0)
    if case .string = sum.plain { throw failure(line, "'sum' can't add strings") }
    for value in values { sum = try arithmetic(sum, .plus, value, line) }
    return sum
  }

  mutating func unique(
    _ value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    let elements = try iterated(value, line)
    let values = try attributes(elements, named: arguments.value(1, "attribute"), line)
    let keys = try keys(values, countsCase: arguments.value(0, "case_sensitive")?.isTrue ?? false, line)
    var seen = TemplateDictionary()
    var others: [TemplateValue] = []
    var kept: [TemplateValue] = []
    for (index, key) in keys.enumerated() {
      guard key.isHashable else { throw failure(line, "'unique' can't compare values of type \(key.typeName)") }
      // 1.0 and 1 are the same one.
      let exact =
        if case .number(let number) = key, let whole = Int(exactly: number) { TemplateValue.integer(whole) } else {
          key
        }
      if TemplateDictionary.isKey(exact) {
        guard seen[exact] == nil else { continue }
        seen[exact] = TemplateValue.none
      } else {
        try step(line, cost: others.count)
        guard !others.contains(where: { $0.isEqual(to: exact) }) else { continue }
        others.append(exact)
      }
      kept.append(elements[index])
    }
    return try generator(kept, line)
  }
}

extension TemplateValue {
  /// Whether Python takes it as a key.
  var isHashable: Bool {
    switch self {
    case .list, .dictionary, .group: false
    case .tuple(let elements): elements.allSatisfy(\.isHashable)
    default: true
    }
  }
}
