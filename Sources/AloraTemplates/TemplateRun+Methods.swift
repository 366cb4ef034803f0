extension TemplateRun {
  static let stringMethods: Set = [
    "strip", "lstrip", "rstrip", "split", "startswith", "endswith", "replace", "upper", "lower", "title", "capitalize",
    "find", "join", "count",
  ]
  /// Other methods of Python's strings. They are refused by name instead of being undefined.
  static let otherStringMethods: Set = [
    "casefold", "center", "encode", "expandtabs", "format", "format_map", "index", "isalnum", "isalpha", "isascii",
    "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable", "isspace", "istitle", "isupper",
    "ljust", "maketrans", "partition", "removeprefix", "removesuffix", "rfind", "rindex", "rjust", "rpartition",
    "rsplit",
    "splitlines", "swapcase", "translate", "zfill",
  ]
  static let dictionaryMethods: Set = ["items", "keys", "values", "get"]
  static let listMethods: Set = [
    "append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort",
  ]

  mutating func callMethod(
    _ name: String, of value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    switch value {
    case .dictionary(let members): return try callDictionaryMethod(name, members, arguments, line)
    case .string(let text):
      try step(line, cost: text.utf8.count / 16)
      return try callStringMethod(name, text, plain(arguments), line)
    case .markup(let text):
      try step(line, cost: text.utf8.count / 16)
      return try callMarkupMethod(name, text, arguments, line)
    case .cycler(let number):
      try check(arguments, of: name, 0...0, line)
      let (items, position) = cyclers[number]
      cyclers[number].position = name == "next" ? (position + 1) % items.count : 0
      return name == "next" ? items[position] : .none
    case .loop(let loop):
      guard arguments.named.isEmpty else { throw failure(line, "'loop.\(name)' takes no arguments by name") }
      if name == "changed" {
        _ = try measured(.list(arguments.positional), line)
        return .boolean(hasChanged(loop, arguments.positional))
      }
      guard !arguments.positional.isEmpty else { throw failure(line, "'loop.cycle' takes items") }
      return arguments.positional[loop.index0 % arguments.positional.count]
    default: throw failure(line, "the method '\(name)' is not supported")
    }
  }

  private func plain(_ arguments: Arguments) -> Arguments {
    Arguments(
      positional: arguments.positional.map(\.plain),
      named: arguments.named.map { (name: $0.name, value: $0.value.plain) })
  }

  /// A method of a marked text. Its arguments are escaped, and its results are marked.
  private mutating func callMarkupMethod(
    _ name: String, _ text: String, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    var given = arguments
    if name == "join" {
      let elements = try iterated(arguments.positional.first ?? .list([]), line)
      var escaped: [TemplateValue] = []
      for element in elements { escaped.append(.string(try self.escaped(element, line))) }
      given.positional = [.list(escaped)]
    } else if name == "replace", given.positional.count > 1 {
      given.positional[1] = .string(try escaped(given.positional[1], line))
    }
    switch try callStringMethod(name, text, plain(given), line) {
    case .string(let result): return .markup(result)
    case .list(let parts): return .list(parts.map { if case .string(let text) = $0 { .markup(text) } else { $0 } })
    case let other: return other
    }
  }

  private func callDictionaryMethod(
    _ name: String, _ members: TemplateDictionary, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    try check(arguments, of: name, name == "get" ? 1...2 : 0...0, line)
    switch name {
    case "items": return .list(Self.items(members))
    case "keys": return .list(members.keys)
    case "values": return .list(members.values)
    default:
      guard let key = arguments.positional.first else { throw failure(line, "'get' takes a key") }
      try checkKey(key, line)
      if let value = members[key] { return value }
      return arguments.positional.count > 1 ? arguments.positional[1] : .none
    }
  }

  static func items(_ members: TemplateDictionary) -> [TemplateValue] {
    zip(members.keys, members.values).map { .tuple([$0, $1]) }
  }

  /// How many arguments each method takes. Only those of `split` have names.
  private static func argumentCounts(ofStringMethod name: String) -> ClosedRange<Int> {
    switch name {
    case "strip", "lstrip", "rstrip": 0...1
    case "split": 0...2
    case "startswith", "endswith", "find", "count": 1...3
    case "replace": 2...3
    case "join": 1...1
    default: 0...0
    }
  }

  private mutating func callStringMethod(
    _ name: String, _ text: String, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    let names = name == "split" ? ["sep", "maxsplit"] : []
    try check(arguments, of: name, Self.argumentCounts(ofStringMethod: name), names: names, line)
    func string(_ index: Int) throws(TemplateError) -> String {
      guard index < arguments.positional.count, case .string(let text) = arguments.positional[index] else {
        throw failure(line, "'\(name)' takes a string as argument \(index + 1)")
      }
      return text
    }
    switch name {
    case "strip", "lstrip", "rstrip":
      let characters = try characters(arguments.positional.first, of: name, line)
      return .string(
        PythonText.stripped(text, characters, left: name != "rstrip", right: name != "lstrip"))
    case "split": return try split(text, arguments, line)
    case "startswith", "endswith":
      let first = arguments.positional[0]
      var candidates = [first]
      if case .tuple(let elements) = first { candidates = elements }
      let part = try window(of: text, name, arguments, line)?.text
      for candidate in candidates {
        guard case .string(let affix) = candidate else {
          throw failure(line, "'\(name)' takes a string or a tuple of strings")
        }
        guard let part else { continue }
        try scan(affix, line)
        if name == "startswith" ? PythonText.hasPrefix(part, affix) : PythonText.hasSuffix(part, affix) {
          return .boolean(true)
        }
      }
      return .boolean(false)
    case "replace":
      let limit = try arguments.positional.count > 2 ? whole(arguments.positional[2], "count", of: name, line) : -1
      return try replaced(text, try string(0), by: try string(1), limit: limit, line)
    case "upper": return .string(PythonText.upper(text))
    case "lower": return .string(PythonText.lower(text))
    case "title": return .string(PythonText.titled(text))
    case "capitalize": return .string(PythonText.capitalized(text))
    case "find":
      let sought = try string(0)
      guard let part = try window(of: text, name, arguments, line),
        let range = PythonText.firstRange(of: sought, in: part.text)
      else { return .integer(-1) }
      let before = String(decoding: Array(part.text.utf8.prefix(range.lowerBound)), as: UTF8.self)
      return .integer(part.start + before.unicodeScalars.count)
    case "count":
      let sought = try string(0)
      guard let part = try window(of: text, name, arguments, line) else { return .integer(0) }
      return .integer(PythonText.count(of: sought, in: part.text))
    default:
      let elements = try iterated(arguments.positional[0], line)
      for (index, element) in elements.enumerated() {
        guard case .string = element else {
          throw failure(line, "'join' takes strings, and element \(index) is of type \(element.typeName)")
        }
      }
      return try joined(elements, by: text, line)
    }
  }

  private mutating func split(
    _ text: String, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    var limit = -1
    if let given = arguments.value(1, "maxsplit") { limit = try whole(given, "maxsplit", of: "split", line) }
    let parts: [String]
    switch arguments.value(0, "sep") ?? TemplateValue.none {
    case .none: parts = PythonText.splitOnSpace(text, limit: limit)
    case .string(let separator):
      guard !separator.isEmpty else { throw failure(line, "'split' takes a separator that is not empty") }
      parts = PythonText.split(text, by: separator, limit: limit)
    default: throw failure(line, "'split' takes a string as separator")
    }
    guard parts.count <= limits.elementCount else { throw failure(line, "a list becomes too long") }
    return .list(parts.map { .string($0) })
  }

  /// What a method looks at: from the second argument on, and up to the third, as Python's slices count. Nil if the
  /// end is before the start.
  private func window(
    of text: String, _ name: String, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> (text: String, start: Int)? {
    guard arguments.positional.count > 1 else { return (text: text, start: 0) }
    let scalars = Array(text.unicodeScalars)
    var bounds = [0, scalars.count]
    for (index, argument) in arguments.positional.dropFirst().enumerated() {
      guard let argument = given(argument) else { continue }
      let bound = try whole(argument, index == 0 ? "start" : "end", of: name, line)
      bounds[index] = bound < 0 ? max(bound + scalars.count, 0) : bound
    }
    let (start, end) = (bounds[0], min(bounds[1], scalars.count))
    return start <= end ? (text: PythonText.string(scalars[start..<end]), start: start) : nil
  }

  /// - Throws: `templateFailed` before a text grows beyond the limit.
  mutating func replaced(
    _ text: String, _ part: String, by other: String, limit: Int, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    // An empty text occurs before each character and at the end.
    let places = part.isEmpty ? text.unicodeScalars.count + 1 : text.utf8.count / part.utf8.count
    let (growth, overflow) = places.multipliedReportingOverflow(by: other.utf8.count)
    guard !overflow, growth <= limits.outputByteCount else { throw failure(line, "the template's output is too long") }
    return try checked(PythonText.replaced(text, part, by: other, limit: limit), line)
  }

  mutating func joined(
    _ elements: [TemplateValue], by separator: String, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    let texts = try texts(of: elements, line)
    var total = 0
    for text in texts { total += text.utf8.count + separator.utf8.count }
    guard total <= limits.outputByteCount else { throw failure(line, "the template's output is too long") }
    return try checked(texts.joined(separator: separator), line)
  }
}
