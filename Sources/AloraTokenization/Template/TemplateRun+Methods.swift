extension TemplateRun {
  static let stringMethods: Set = [
    "strip", "lstrip", "rstrip", "split", "startswith", "endswith", "replace", "upper", "lower", "title", "capitalize",
    "find", "join", "count",
  ]
  /// What Python's strings have besides; refused by name instead of being undefined.
  static let otherStringMethods: Set = [
    "casefold", "center", "encode", "expandtabs", "format", "format_map", "index", "isalnum", "isalpha", "isascii",
    "isdecimal", "isdigit", "isidentifier", "islower", "isnumeric", "isprintable", "isspace", "istitle", "isupper",
    "ljust",
    "maketrans", "partition", "removeprefix", "removesuffix", "rfind", "rindex", "rjust", "rpartition", "rsplit",
    "splitlines", "swapcase", "translate", "zfill",
  ]
  static let dictionaryMethods: Set = ["items", "keys", "values", "get"]
  static let listMethods: Set = [
    "append", "clear", "copy", "count", "extend", "index", "insert", "pop", "remove", "reverse", "sort",
  ]

  mutating func callMethod(
    _ name: String, of value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TokenizationError) -> TemplateValue {
    switch value {
    case .dictionary(let members): return try callDictionaryMethod(name, members, arguments, line)
    case .string(let text):
      try step(line, cost: text.utf8.count / 16)
      return try callStringMethod(name, text, arguments, line)
    default: throw failure(line, "the method '\(name)' is not supported")
    }
  }

  private func callDictionaryMethod(
    _ name: String, _ members: TemplateDictionary, _ arguments: Arguments, _ line: Int
  ) throws(TokenizationError) -> TemplateValue {
    switch name {
    case "items": return .list(Self.items(members))
    case "keys": return .list(members.keys.map { .string($0) })
    case "values": return .list(members.values)
    default:
      guard let key = arguments.positional.first else { throw failure(line, "'get' takes a key") }
      if case .string(let key) = key, let value = members[key] { return value }
      return arguments.positional.count > 1 ? arguments.positional[1] : .none
    }
  }

  static func items(_ members: TemplateDictionary) -> [TemplateValue] {
    zip(members.keys, members.values).map { .tuple([.string($0), $1]) }
  }

  private mutating func callStringMethod(
    _ name: String, _ text: String, _ arguments: Arguments, _ line: Int
  ) throws(TokenizationError) -> TemplateValue {
    func string(_ index: Int) throws(TokenizationError) -> String {
      guard index < arguments.positional.count, case .string(let text) = arguments.positional[index] else {
        throw failure(line, "'\(name)' takes a string as argument \(index + 1)")
      }
      return text
    }
    func limit(_ index: Int, _ name: String) -> Int { arguments.value(index, name)?.whole ?? -1 }
    switch name {
    case "strip", "lstrip", "rstrip":
      var characters: String?
      if case .string(let given)? = arguments.positional.first { characters = given }
      return .string(
        PythonText.stripped(text, characters, left: name != "rstrip", right: name != "lstrip"))
    case "split":
      if arguments.positional.isEmpty { return .list(PythonText.splitOnSpace(text).map { .string($0) }) }
      if case .none = arguments.positional[0] { return .list(PythonText.splitOnSpace(text).map { .string($0) }) }
      let separator = try string(0)
      guard !separator.isEmpty else { throw failure(line, "'split' takes a separator that is not empty") }
      let parts = PythonText.split(text, by: separator, limit: limit(1, "maxsplit"))
      guard parts.count <= limits.elementCount else { throw failure(line, "a list grows too long") }
      return .list(parts.map { .string($0) })
    case "startswith", "endswith":
      var candidates: [TemplateValue] = Array(arguments.positional.prefix(1))
      if let list = candidates.first?.elements { candidates = list }
      var holds = false
      for case .string(let part) in candidates {
        holds = holds || (name == "startswith" ? PythonText.hasPrefix(text, part) : PythonText.hasSuffix(text, part))
      }
      return .boolean(holds)
    case "replace": return try replaced(text, try string(0), by: try string(1), limit: limit(2, "count"), line)
    case "upper": return .string(PythonText.upper(text))
    case "lower": return .string(PythonText.lower(text))
    case "title": return .string(PythonText.titled(text))
    case "capitalize": return .string(PythonText.capitalized(text))
    case "find":
      guard let range = PythonText.firstRange(of: try string(0), in: text) else { return .integer(-1) }
      return .integer(String(decoding: Array(text.utf8.prefix(range.lowerBound)), as: UTF8.self).unicodeScalars.count)
    case "count": return .integer(PythonText.split(text, by: try string(0), limit: -1).count - 1)
    default: return try joined(try iterated(arguments.positional.first ?? .none, line), by: text, line)
    }
  }

  /// - Throws: `templateFailed` before a text grows beyond the limit.
  mutating func replaced(
    _ text: String, _ part: String, by other: String, limit: Int, _ line: Int
  ) throws(TokenizationError) -> TemplateValue {
    guard !part.isEmpty else { throw failure(line, "'replace' takes a part that is not empty") }
    let (growth, overflow) = (text.utf8.count / part.utf8.count).multipliedReportingOverflow(by: other.utf8.count)
    guard !overflow, growth <= limits.outputByteCount else { throw failure(line, "the template makes too long a text") }
    return try checked(PythonText.replaced(text, part, by: other, limit: limit), line)
  }

  mutating func joined(
    _ elements: [TemplateValue], by separator: String, _ line: Int
  ) throws(TokenizationError) -> TemplateValue {
    var total = 0
    for element in elements { total += element.text.utf8.count + separator.utf8.count }
    guard total <= limits.outputByteCount else { throw failure(line, "the template makes too long a text") }
    return try checked(elements.map(\.text).joined(separator: separator), line)
  }
}
