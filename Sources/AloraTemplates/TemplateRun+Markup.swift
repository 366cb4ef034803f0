/// Filters about HTML and URLs. Nothing is escaped by itself: a template asks for it.
extension TemplateRun {
  /// Escapes as the package markupsafe does: a text that is already marked stays as it is.
  func escaped(_ value: TemplateValue, _ line: Int) throws(TemplateError) -> String {
    if case .markup(let text) = value { return text }
    return PythonText.escaped(try text(of: value, line))
  }

  mutating func withoutTags(_ value: TemplateValue, _ line: Int) throws(TemplateError) -> TemplateValue {
    guard let text = PythonText.unescaped(PythonText.withoutTags(try text(of: value, line))) else {
      throw failure(line, "'striptags' knows only the character references that HTML has without ';'")
    }
    return try checked(text, line)
  }

  mutating func attributeList(
    _ value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    guard case .dictionary(let members) = value else { throw failure(line, "'xmlattr' takes a dictionary") }
    var parts: [String] = []
    for (key, value) in zip(members.keys, members.values) {
      if value.isUndefined { continue }
      if case .none = value { continue }
      guard case .string(let name) = key.plain else { throw failure(line, "'xmlattr' takes keys that are strings") }
      guard !name.unicodeScalars.contains(where: { $0 == "/" || $0 == ">" || $0 == "=" || Self.isASCIISpace($0) })
      else { throw failure(line, "an attribute's name can't contain white space, '/', '>' or '='") }
      parts.append("\(try escaped(key, line))=\"\(try escaped(value, line))\"")
    }
    let text = parts.joined(separator: " ")
    let hasSpace = arguments.value(0, "autospace")?.isTrue ?? true
    return try checked(hasSpace && !text.isEmpty ? " " + text : text, line)
  }

  private static func isASCIISpace(_ scalar: Unicode.Scalar) -> Bool {
    scalar == " " || (0x09...0x0D).contains(scalar.value)
  }

  mutating func percentEncoded(_ value: TemplateValue, _ line: Int) throws(TemplateError) -> TemplateValue {
    var pairs: [TemplateValue]
    switch value.plain {
    case .string(let text): return try checked(PythonText.quoted(text, forQuery: false), line)
    case .none, .boolean, .integer, .number:
      return try checked(PythonText.quoted(try text(of: value, line), forQuery: false), line)
    case .dictionary(let members): pairs = Self.items(members)
    default: pairs = try iterated(value, line)
    }
    var parts: [String] = []
    for pair in pairs {
      let elements = try iterated(pair, line)
      guard elements.count == 2 else { throw failure(line, "'urlencode' takes pairs of a key and a value") }
      let texts = try texts(of: elements, line)
      parts.append(texts.map { PythonText.quoted($0, forQuery: true) }.joined(separator: "="))
    }
    return try checked(parts.joined(separator: "&"), line)
  }

  mutating func linked(
    _ value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    var style = PythonLinks.Style()
    if let limit = given(arguments.value(0, "trim_url_limit")) {
      style.limit = try whole(limit, "trim_url_limit", of: "urlize", line)
    }
    var relations: Set<String> = ["noopener"]
    if let given = given(arguments.value(3, "rel")), given.isTrue {
      guard case .string(let text) = given.plain else { throw failure(line, "'urlize' takes a string as rel") }
      relations.formUnion(PythonText.splitOnSpace(text, limit: -1))
    }
    if arguments.value(1, "nofollow")?.isTrue ?? false { relations.insert("nofollow") }
    let sorted = relations.sorted { $0.unicodeScalars.lexicographicallyPrecedes($1.unicodeScalars) }
    style.attributes = " rel=\"\(PythonText.escaped(sorted.joined(separator: " ")))\""
    if let target = given(arguments.value(2, "target")), target.isTrue {
      style.attributes += " target=\"\(try escaped(target, line))\""
    }
    if let schemes = given(arguments.value(4, "extra_schemes")) {
      for scheme in try iterated(schemes, line) {
        guard case .string(let text) = scheme.plain, PythonLinks.isScheme(text) else {
          throw failure(line, "'urlize' takes schemes like 'ftp:'")
        }
        style.schemes.append(text)
      }
    }
    let text = try escaped(value, line)
    try step(line, cost: text.utf8.count * (1 + style.schemes.count) / 4)
    return try checked(PythonLinks.linked(text, style, limit: limits.outputByteCount), line)
  }

  mutating func formatted(
    _ value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    guard arguments.positional.isEmpty || arguments.named.isEmpty else {
      throw failure(line, "'format' takes values with names or without, not both")
    }
    var values = TemplateValue.tuple(arguments.positional)
    if !arguments.named.isEmpty {
      var members = TemplateDictionary()
      for (name, value) in arguments.named { members[name] = value }
      values = .dictionary(members)
    }
    let text = try formatted(try text(of: value, line), with: values, escapes: value.isMarked, line)
    return value.isMarked ? .markup(text.text) : text
  }

  mutating func truncated(
    _ value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    let limit = try whole(arguments.value(0, "length") ?? .integer(255), "length", of: "truncate", line)
    let end = arguments.value(2, "end") ?? .string("...")
    let leeway = try whole(given(arguments.value(3, "leeway")) ?? .integer(5), "leeway", of: "truncate", line)
    let endLength = try length(of: end, line)
    guard limit >= endLength, leeway >= 0 else {
      throw failure(line, "'truncate' takes a length of \(endLength) or more, and a leeway of 0 or more")
    }
    if try length(of: value, line) <= limit.addingReportingOverflow(leeway).partialValue || limit > Int.max - leeway {
      return value
    }
    guard case .string(let text) = value.plain, case .string(let endText) = end.plain else {
      throw failure(line, "'truncate' takes a string")
    }
    var kept = PythonText.string(text.unicodeScalars.prefix(limit - endLength))
    if !(arguments.value(1, "killwords")?.isTrue ?? false),
      let space = kept.unicodeScalars.lastIndex(of: " ")
    {
      kept = String(kept[..<space])
    }
    switch (value, end) {
    case (.markup, _): return .markup(kept + (try escaped(end, line)))
    case (_, .markup): return .markup(PythonText.escaped(kept) + endText)
    default: return .string(kept + endText)
    }
  }

  mutating func wrapped(
    _ value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    guard case .string(let text) = value.plain else {
      throw failure(line, "'wordwrap' takes a string, not a value of type \(value.typeName)")
    }
    let wrapping = PythonText.Wrapping(
      width: try whole(arguments.value(0, "width") ?? .integer(79), "width", of: "wordwrap", line),
      breaksLongWords: arguments.value(1, "break_long_words")?.isTrue ?? true,
      breaksOnHyphens: arguments.value(3, "break_on_hyphens")?.isTrue ?? true)
    guard case .string(let separator) = given(arguments.value(2, "wrapstring")) ?? .string("\n") else {
      throw failure(line, "'wordwrap' takes a string as wrapstring")
    }
    let lines = PythonText.lines(text)
    guard wrapping.width > 0 || lines.isEmpty else { throw failure(line, "'wordwrap' takes a width above 0") }
    let (growth, overflow) = text.utf8.count.multipliedReportingOverflow(by: separator.utf8.count)
    guard !overflow, growth <= limits.outputByteCount else { throw failure(line, "the template makes too long a text") }
    try step(line, cost: text.utf8.count / 4)
    let wrapped = lines.map { PythonText.wrapped($0, wrapping).joined(separator: separator) }
    return try checked(wrapped.joined(separator: separator), line)
  }
}
