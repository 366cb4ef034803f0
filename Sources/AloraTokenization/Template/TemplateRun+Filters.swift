extension TemplateRun {
  mutating func apply(
    _ filter: TemplateFilter, to value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TokenizationError) -> TemplateValue {
    switch filter {
    case .trim:
      var characters: String?
      if case .string(let given)? = arguments.value(0, "chars") { characters = given }
      return try checked(PythonText.stripped(value.text, characters, left: true, right: true), line)
    case .upper: return try checked(PythonText.upper(value.text), line)
    case .lower: return try checked(PythonText.lower(value.text), line)
    case .capitalize: return try checked(PythonText.capitalized(value.text), line)
    case .title: return try checked(PythonText.titled(value.text), line)
    case .string: return try checked(value.text, line)
    case .length, .count: return .integer(try length(of: value, line))
    case .tojson: return try json(value, arguments, line)
    case .list: return .list(try iterated(value, line))
    case .first, .last:
      let elements = try iterated(value, line)
      return (filter == .first ? elements.first : elements.last)
        ?? .undefined("the \(filter.rawValue) of an empty list")
    case .reverse:
      if case .string(let text) = value { return .string(PythonText.string(text.unicodeScalars.reversed())) }
      return .list(try iterated(value, line).reversed())
    case .default, .d:
      let other = arguments.value(0, "default_value") ?? .string("")
      let countsFalse = arguments.value(1, "boolean")?.isTrue ?? false
      return value.isUndefined || (countsFalse && !value.isTrue) ? other : value
    case .int, .float, .abs: return try number(value, filter, arguments, line)
    case .join:
      var elements = try iterated(value, line)
      if let attribute = arguments.value(1, "attribute") {
        elements = try attributes(elements, attribute.text, line)
      }
      return try joined(elements, by: arguments.value(0, "d")?.text ?? "", line)
    case .items:
      if value.isUndefined { return .list([]) }
      guard case .dictionary(let members) = value else { throw failure(line, "'items' takes a dictionary") }
      return .list(Self.items(members))
    case .dictsort:
      guard case .dictionary(let members) = value, arguments.positional.isEmpty, arguments.named.isEmpty else {
        throw failure(line, "'dictsort' takes a dictionary, and no arguments here")
      }
      for key in members.keys { try scan(key, line) }
      let keys = members.keys.map { Array(PythonText.lower($0).unicodeScalars) }
      let order = keys.indices.sorted { keys[$0].lexicographicallyPrecedes(keys[$1]) }
      return .list(order.map { .tuple([.string(members.keys[$0]), members.values[$0]]) })
    case .replace:
      guard let part = arguments.value(0, "old")?.text, let other = arguments.value(1, "new")?.text else {
        throw failure(line, "'replace' takes two strings")
      }
      return try replaced(value.text, part, by: other, limit: arguments.value(2, "count")?.whole ?? -1, line)
    case .indent: return try indented(value.text, arguments, line)
    case .select, .reject, .selectattr, .rejectattr: return try selected(value, filter, arguments, line)
    case .map: return try mapped(value, arguments, line)
    }
  }

  func length(of value: TemplateValue, _ line: Int) throws(TokenizationError) -> Int {
    switch value {
    case .undefined: return 0
    case .string(let text): return text.unicodeScalars.count
    case .list(let elements), .tuple(let elements): return elements.count
    case .dictionary(let members): return members.count
    default: throw failure(line, "a value of type \(value.typeName) has no length")
    }
  }

  private mutating func json(
    _ value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TokenizationError) -> TemplateValue {
    for (name, option) in arguments.named
    where name != "indent" && name != "ensure_ascii" || (name == "ensure_ascii" && option.isTrue) {
      throw failure(line, "the option '\(name)' of 'tojson' is not supported")
    }
    guard arguments.positional.isEmpty else { throw failure(line, "'tojson' takes arguments by name here") }
    let indent = arguments.value(.max, "indent")?.whole
    if let indent, !(0...16).contains(indent) { throw failure(line, "'tojson' takes an indent of 0 to 16 here") }
    guard let text = value.json(indent: indent) else {
      throw failure(line, "a value of type \(value.typeName) cannot be written as JSON")
    }
    return try checked(text, line)
  }

  private func number(
    _ value: TemplateValue, _ filter: TemplateFilter, _ arguments: Arguments, _ line: Int
  ) throws(TokenizationError) -> TemplateValue {
    switch filter {
    case .abs:
      if let whole = value.whole, whole != .min { return .integer(abs(whole)) }
      guard let number = value.numeric else { throw failure(line, "'abs' takes a number") }
      return .number(number.magnitude)
    case .int:
      if let whole = value.whole { return .integer(whole) }
      if let number = value.numeric ?? Double(value.text.filter { !$0.isWhitespace }),
        let whole = Int(exactly: number.rounded(.towardZero))
      {
        return .integer(whole)
      }
      return arguments.value(0, "default") ?? .integer(0)
    default:
      if let number = value.numeric { return .number(number) }
      if case .string(let text) = value, let number = Double(PythonText.stripped(text, nil, left: true, right: true)) {
        return .number(number)
      }
      return arguments.value(0, "default") ?? .number(0)
    }
  }

  private mutating func indented(
    _ text: String, _ arguments: Arguments, _ line: Int
  ) throws(TokenizationError) -> TemplateValue {
    let width = arguments.value(0, "width") ?? .integer(4)
    let prefix: String
    if case .string(let given) = width {
      prefix = given
    } else {
      prefix = String(repeating: " ", count: min(max(width.whole ?? 4, 0), 64))
    }
    let (first, blank) = (arguments.value(1, "first")?.isTrue ?? false, arguments.value(2, "blank")?.isTrue ?? false)
    let lines = PythonText.split(text, by: "\n", limit: -1)
    let (growth, overflow) = lines.count.multipliedReportingOverflow(by: prefix.utf8.count)
    guard !overflow, growth <= limits.outputByteCount else { throw failure(line, "the template makes too long a text") }
    let indented = lines.enumerated().map { index, line in
      (index == 0 ? first : blank || !line.isEmpty) ? prefix + line : line
    }
    return try checked(indented.joined(separator: "\n"), line)
  }

  /// Dotted attributes, as `selectattr` and `map` take them.
  private func attribute(
    _ path: String, ofElement element: TemplateValue, default other: TemplateValue? = nil, _ line: Int
  ) throws(TokenizationError) -> TemplateValue {
    var value = element
    for name in path.split(separator: ".") {
      if case .dictionary(let members) = value {
        value = members[String(name)] ?? .undefined(String(name))
      } else {
        value = try attribute(String(name), of: value, line)
      }
      if value.isUndefined, let other { value = other }
    }
    return value
  }

  private mutating func attributes(
    _ elements: [TemplateValue], _ path: String, default other: TemplateValue? = nil, _ line: Int
  ) throws(TokenizationError) -> [TemplateValue] {
    var result: [TemplateValue] = []
    for element in elements { result.append(try attribute(path, ofElement: element, default: other, line)) }
    return result
  }

  private mutating func selected(
    _ value: TemplateValue, _ filter: TemplateFilter, _ arguments: Arguments, _ line: Int
  ) throws(TokenizationError) -> TemplateValue {
    let byAttribute = filter == .selectattr || filter == .rejectattr
    var rest = arguments.positional
    var path: String?
    if byAttribute {
      guard case .string(let name)? = rest.first else {
        throw failure(line, "'\(filter.rawValue)' takes an attribute's name")
      }
      path = name
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
      let tested =
        try path.map { (name) throws(TokenizationError) in try attribute(name, ofElement: element, line) } ?? element
      let holds =
        try test.map { (test) throws(TokenizationError) in try self.test(test, tested, rest, line) } ?? tested.isTrue
      if holds == (filter == .select || filter == .selectattr) { kept.append(element) }
    }
    return .list(kept)
  }

  private mutating func mapped(
    _ value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TokenizationError) -> TemplateValue {
    let elements = value.isTrue ? try iterated(value, line) : []
    if let attribute = arguments.value(.max, "attribute") {
      return .list(try attributes(elements, attribute.text, default: arguments.value(.max, "default"), line))
    }
    guard let name = arguments.positional.first?.text, let filter = TemplateFilter(rawValue: name), filter != .map
    else {
      throw failure(line, "'map' takes an attribute or a supported filter")
    }
    var rest = arguments
    rest.positional.removeFirst()
    var result: [TemplateValue] = []
    for element in elements { result.append(try apply(filter, to: element, rest, line)) }
    return .list(result)
  }

  // MARK: - Tests

  mutating func test(
    _ test: TemplateTest, _ value: TemplateValue, _ arguments: [TemplateValue], _ line: Int
  ) throws(TokenizationError) -> Bool {
    func argument() throws(TokenizationError) -> TemplateValue {
      guard let first = arguments.first else { throw failure(line, "the test '\(test.rawValue)' takes a value") }
      return first
    }
    switch test {
    case .defined: return !value.isUndefined
    case .undefined: return value.isUndefined
    case .none: if case .none = value { return true } else { return false }
    case .string: if case .string = value { return true } else { return false }
    case .mapping: if case .dictionary = value { return true } else { return false }
    case .boolean: if case .boolean = value { return true } else { return false }
    case .integer: if case .integer = value { return true } else { return false }
    case .float: if case .number = value { return true } else { return false }
    case .number: return value.numeric != nil
    case .true: if case .boolean(true) = value { return true } else { return false }
    case .false: if case .boolean(false) = value { return true } else { return false }
    case .iterable, .sequence:
      switch value {
      case .undefined, .string, .list, .tuple, .dictionary: return true
      default: return false
      }
    case .equalto, .eq, .equalSign: return try compare(value, .equal, try argument(), line)
    case .ne, .unequalSign: return try compare(value, .unequal, try argument(), line)
    case .in: return try compare(value, .contained, try argument(), line)
    case .odd, .even, .divisibleby:
      guard let whole = value.whole else { throw failure(line, "the test '\(test.rawValue)' takes a whole number") }
      if test == .odd { return whole % 2 != 0 }
      if test == .even { return whole % 2 == 0 }
      guard let divisor = try argument().whole, divisor != 0 else { throw failure(line, "division by 0") }
      return divisor == -1 || whole % divisor == 0
    }
  }
}
