extension TemplateRun {
  mutating func apply(
    _ filter: TemplateFilter, to value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    if let parameters = filter.parameters {
      try check(arguments, of: filter.rawValue, 0...parameters.count, names: parameters, line)
    }
    switch filter {
    case .trim, .upper, .lower, .capitalize, .title, .string, .center:
      let text = try checked(try changed(try text(of: value, line), filter, arguments, line), line).text
      // `title` joins parts to a new text.
      if value.isMarked, filter != .title { return .markup(text) }
      return .string(text)
    case .length, .count: return .integer(try length(of: value, line))
    case .tojson: return try json(value, arguments, line)
    case .list: return .list(try iterated(value, line))
    case .sort: return .list(try sorted(value, arguments, line))
    case .first: return try firstElement(of: value, line) ?? .undefined("the first of an empty list")
    case .last: return try lastElement(of: value, line)
    case .reverse: return try reversed(value, line)
    case .default, .d:
      let other = arguments.value(0, "default_value") ?? .string("")
      let countsFalse = arguments.value(1, "boolean")?.isTrue ?? false
      return value.isUndefined || (countsFalse && !value.isTrue) ? other : value
    case .int, .float, .abs, .round, .filesizeformat: return try number(value, filter, arguments, line)
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
    case .replace:
      guard let part = arguments.value(0, "old"), let other = arguments.value(1, "new") else {
        throw failure(line, "'replace' takes two strings")
      }
      var limit = -1
      if let count = given(arguments.value(2, "count")) { limit = try whole(count, "count", of: "replace", line) }
      return try replaced(
        try text(of: value, line), try text(of: part, line), by: try text(of: other, line), limit: limit, line)
    case .indent:
      let text = try indented(value.plain, arguments, line)
      return value.isMarked ? .markup(text.text) : text
    case .select, .reject, .selectattr, .rejectattr: return try selected(value, filter, arguments, line)
    case .map: return try mapped(value, arguments, line)
    case .attr:
      guard case .string(let name)? = arguments.value(0, "name")?.plain else {
        throw failure(line, "'attr' takes a name")
      }
      if case .dictionary = value {
        return Self.dictionaryMethods.contains(name) ? .method(value, name) : .undefined(name)
      }
      return try attribute(name, of: value, line)
    case .dictsort: return try dictionarySorted(value, arguments, line)
    case .batch: return try batched(value, arguments, line)
    case .slice: return try sliced(value, arguments, line)
    case .groupby: return try grouped(value, arguments, line)
    case .max, .min: return try extreme(value, filter, arguments, line)
    case .sum: return try sum(value, arguments, line)
    case .unique: return try unique(value, arguments, line)
    case .random: throw failure(line, "'random' gives a different element each time, so it is not supported")
    case .e, .escape: return .markup(try checked(try escaped(value, line), line).text)
    case .forceescape: return .markup(try checked(PythonText.escaped(try text(of: value, line)), line).text)
    case .safe: return .markup(try text(of: value, line))
    case .striptags: return try withoutTags(value, line)
    case .xmlattr: return try attributeList(value, arguments, line)
    case .urlencode: return try percentEncoded(value, line)
    case .urlize: return try linked(value, arguments, line)
    case .format: return try formatted(value, arguments, line)
    case .truncate: return try truncated(value, arguments, line)
    case .wordwrap: return try wrapped(value, arguments, line)
    case .wordcount: return .integer(PythonText.wordCount(try text(of: value, line)))
    case .pprint:
      // Each level of a value is written once to see whether it fits into a line.
      try step(line, cost: try text(of: value, line).utf8.count / 4)
      var printer = PythonPrinter(limit: limits.outputByteCount)
      printer.write(value)
      return try checked(printer.output, line)
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
    case .center:
      let width = try whole(arguments.value(0, "width") ?? .integer(80), "width", of: "center", line)
      guard width <= limits.outputByteCount else { throw failure(line, "the template makes too long a text") }
      return PythonText.centered(text, width: width)
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
    guard let argument = given(argument)?.plain else { return nil }
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
    case .string(let text), .markup(let text): return text.unicodeScalars.count
    case .group: return 2
    case .list(let elements), .tuple(let elements): return elements.count
    case .dictionary(let members): return members.count
    default: throw failure(line, "a value of type \(value.typeName) has no length")
    }
  }

  private mutating func json(
    _ value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    var style = TemplateJSONStyle()
    style.isASCII = arguments.value(0, "ensure_ascii")?.isTrue ?? false
    style.sortsKeys = arguments.value(3, "sort_keys")?.isTrue ?? false
    if let indent = given(arguments.value(1, "indent"))?.plain {
      style.itemSeparator = ","
      if case .string(let text) = indent {
        style.indent = text
      } else {
        let count = max(0, try whole(indent, "indent", of: "tojson", line))
        guard count <= limits.outputByteCount else { throw failure(line, "the template makes too long a text") }
        style.indent = String(repeating: " ", count: count)
      }
    }
    if let separators = given(arguments.value(2, "separators")) {
      let parts = try iterated(separators, line)
      guard parts.count == 2, case .string(let item) = parts[0].plain, case .string(let key) = parts[1].plain else {
        throw failure(line, "'tojson' takes two separators")
      }
      (style.itemSeparator, style.keySeparator) = (item, key)
    }
    var output = BoundedText(limit: limits.outputByteCount)
    guard value.writeJSON(style, to: &output) else {
      throw failure(line, "a value of type \(value.typeName) cannot be written as JSON")
    }
    return try checked(output, line)
  }

  private mutating func indented(
    _ value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    guard case .string(let text) = value else {
      throw failure(line, "'indent' takes a string, not a value of type \(value.typeName)")
    }
    let width = arguments.value(0, "width") ?? .integer(4)
    let prefix: String
    if case .string(let given) = width.plain {
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
}
