extension TemplateRun {
  mutating func apply(
    _ filter: TemplateFilter, to value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    if let parameters = filter.parameters {
      try check(arguments, of: filter.rawValue, 0...parameters.count, names: parameters, line)
    }
    switch filter {
    case .trim, .upper, .lower, .capitalize, .title, .string:
      return try checked(try changed(try text(of: value, line), filter, arguments, line), line)
    case .length, .count: return .integer(try length(of: value, line))
    case .tojson: return try json(value, arguments, line)
    case .list: return .list(try iterated(value, line))
    case .sort: return .list(try sorted(value, arguments, line))
    case .first: return try firstElement(of: value, line) ?? .undefined("the first of an empty list")
    case .last:
      if case .generator = value { throw failure(line, "'last' takes no generator: write '|list' before it") }
      return try iterated(value, line).last ?? .undefined("the last of an empty list")
    case .reverse:
      switch value {
      case .string(let text): return .string(PythonText.string(text.unicodeScalars.reversed()))
      case .generator: return .list(try iterated(value, line).reversed())
      default: return try generator(try iterated(value, line).reversed(), line)
      }
    case .default, .d:
      let other = arguments.value(0, "default_value") ?? .string("")
      let countsFalse = arguments.value(1, "boolean")?.isTrue ?? false
      return value.isUndefined || (countsFalse && !value.isTrue) ? other : value
    case .int, .float, .abs: return try number(value, filter, arguments, line)
    case .join:
      var elements = try iterated(value, line)
      if let attribute = given(arguments.value(1, "attribute")) {
        elements = try attributes(elements, try path(attribute, line), line)
      }
      return try joined(elements, by: try text(of: arguments.value(0, "d") ?? .string(""), line), line)
    case .items:
      if value.isUndefined { return try generator([], line) }
      guard case .dictionary(let members) = value else { throw failure(line, "'items' takes a dictionary") }
      return try generator(Self.items(members), line)
    case .dictsort:
      guard case .dictionary(let members) = value, arguments.positional.isEmpty, arguments.named.isEmpty else {
        throw failure(line, "'dictsort' takes a dictionary, and no arguments here")
      }
      var keys: [[Unicode.Scalar]] = []
      for key in members.keys {
        guard case .string(let name) = key else { throw failure(line, "'dictsort' takes keys that are strings here") }
        try scan(name, line)
        keys.append(Array(PythonText.lower(name).unicodeScalars))
      }
      let order = keys.indices.sorted { keys[$0].lexicographicallyPrecedes(keys[$1]) }
      return .list(order.map { .tuple([members.keys[$0], members.values[$0]]) })
    case .replace:
      guard let part = arguments.value(0, "old"), let other = arguments.value(1, "new") else {
        throw failure(line, "'replace' takes two strings")
      }
      var limit = -1
      if let count = given(arguments.value(2, "count")) { limit = try whole(count, "count", of: "replace", line) }
      return try replaced(
        try text(of: value, line), try text(of: part, line), by: try text(of: other, line), limit: limit, line)
    case .indent: return try indented(value, arguments, line)
    case .select, .reject, .selectattr, .rejectattr: return try selected(value, filter, arguments, line)
    case .map: return try mapped(value, arguments, line)
    }
  }

  private func changed(
    _ text: String, _ filter: TemplateFilter, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> String {
    switch filter {
    case .trim:
      let characters = try characters(arguments.value(0, "chars"), of: "trim", line)
      return PythonText.stripped(text, characters, left: true, right: true)
    case .upper: return PythonText.upper(text)
    case .lower: return PythonText.lower(text)
    case .capitalize: return PythonText.capitalized(text)
    case .title: return PythonText.titledWords(text)
    default: return text
    }
  }

  /// An argument that is there and not None.
  func given(_ argument: TemplateValue?) -> TemplateValue? {
    if case .none? = argument { nil } else { argument }
  }

  /// What `strip` takes off: None and no argument are white space.
  func characters(
    _ argument: TemplateValue?, of callee: String, _ line: Int
  ) throws(TemplateError) -> String? {
    guard let argument = given(argument) else { return nil }
    guard case .string(let characters) = argument else { throw failure(line, "'\(callee)' takes a string") }
    return characters
  }

  /// An argument that is a whole number.
  func whole(
    _ argument: TemplateValue, _ name: String, of callee: String, _ line: Int
  ) throws(TemplateError) -> Int {
    guard let whole = argument.whole else {
      throw failure(line, "'\(callee)' takes a whole number as \(name), not a value of type \(argument.typeName)")
    }
    return whole
  }

  func length(of value: TemplateValue, _ line: Int) throws(TemplateError) -> Int {
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
  ) throws(TemplateError) -> TemplateValue {
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
  ) throws(TemplateError) -> TemplateValue {
    switch filter {
    case .abs:
      if let whole = value.whole, whole != .min { return .integer(abs(whole)) }
      guard let number = value.numeric else { throw failure(line, "'abs' takes a number") }
      return .number(number.magnitude)
    case .int: return try wholeNumber(value, arguments, line)
    default:
      if let number = value.numeric { return .number(number) }
      if case .undefined(let name) = value { throw failure(line, "'\(name)' is undefined, and no number") }
      if case .string(let text) = value, let number = PythonText.number(text) { return .number(number) }
      return arguments.value(0, "default") ?? .number(0)
    }
  }

  private func wholeNumber(
    _ value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    if let whole = value.whole { return .integer(whole) }
    var read: Double?
    switch value {
    case .undefined(let name): throw failure(line, "'\(name)' is undefined, and no number")
    case .number(let given):
      guard !given.isInfinite else { throw failure(line, "a whole number is not infinite") }
      read = given
    case .string(let text):
      let base = try self.whole(arguments.value(1, "base") ?? .integer(10), "base", of: "int", line)
      if let (whole, overflow) = PythonText.whole(text, base: base) {
        guard !overflow else { throw failure(line, "a number becomes too large") }
        return .integer(whole)
      }
      read = PythonText.number(text)
    default: break
    }
    guard let number = read, number.isFinite else { return arguments.value(0, "default") ?? .integer(0) }
    guard let truncated = Int(exactly: number.rounded(.towardZero)) else {
      throw failure(line, "a number becomes too large")
    }
    return .integer(truncated)
  }

  private mutating func indented(
    _ value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    guard case .string(let text) = value else {
      throw failure(line, "'indent' takes a string, not a value of type \(value.typeName)")
    }
    let width = arguments.value(0, "width") ?? .integer(4)
    let prefix: String
    if case .string(let given) = width {
      prefix = given
    } else {
      let count = max(try whole(width, "width", of: "indent", line), 0)
      guard count <= limits.outputByteCount else { throw failure(line, "the template's output is too long") }
      try step(line, cost: count / 64)
      prefix = String(repeating: " ", count: count)
    }
    let (first, blank) = (arguments.value(1, "first")?.isTrue ?? false, arguments.value(2, "blank")?.isTrue ?? false)
    // A line break is appended, as Jinja does, so that one at the text's end is kept: an empty line follows it.
    let lines = PythonText.lines(text + "\n")
    let (growth, overflow) = lines.count.multipliedReportingOverflow(by: prefix.utf8.count)
    guard !overflow, growth <= limits.outputByteCount else { throw failure(line, "the template's output is too long") }
    try step(line, cost: lines.count / 4)
    let indented = lines.enumerated().map { index, line in
      (index == 0 ? first : blank || !line.isEmpty) ? prefix + line : line
    }
    return try checked(indented.joined(separator: "\n"), line)
  }

  // MARK: - Tests

  mutating func test(
    _ test: TemplateTest, _ value: TemplateValue, _ arguments: [TemplateValue], _ line: Int
  ) throws(TemplateError) -> Bool {
    func argument() throws(TemplateError) -> TemplateValue {
      guard let first = arguments.first else { throw failure(line, "the test '\(test.rawValue)' takes a value") }
      return first
    }
    guard arguments.count == (test.takesValue ? 1 : 0) else {
      throw failure(line, "the test '\(test.rawValue)' takes \(test.takesValue ? "one value" : "no values")")
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
      case .generator: return test == .iterable
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
