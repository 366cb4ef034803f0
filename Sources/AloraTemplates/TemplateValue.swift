/// A value while a template runs: the Python types that templates use.
indirect enum TemplateValue: Sendable {
  /// A missing variable, attribute or item, with its name.
  case undefined(String)
  case none
  case boolean(Bool)
  case integer(Int)
  case number(Double)
  case string(String)
  /// A text that `safe` or `escape` marked: what is joined to it with `+` is escaped.
  case markup(String)
  case list([TemplateValue])
  case tuple([TemplateValue])
  case dictionary(TemplateDictionary)
  /// A `namespace(…)` by its number in the run: the one kind of value that can be changed.
  case namespace(Int)
  case macro(Int)
  /// What a filter like `select` gives, by its number in the run. It can be iterated once.
  case generator(Int)
  case loop(TemplateLoop)
  /// What `groupby` gives: a pair whose parts have names.
  case group(TemplateValue, [TemplateValue])
  /// A `cycler(…)` and a `joiner(…)`, by their numbers in the run.
  case cycler(Int)
  case joiner(Int)
  case function(TemplateFunction)
  /// A method on its value.
  case method(TemplateValue, String)
}

enum TemplateFunction: String, Sendable, CaseIterable {
  case range, namespace, raise_exception, strftime_now, dict, cycler, joiner, lipsum
}

/// The variable `loop` inside a loop.
struct TemplateLoop: Sendable {
  /// Its number in the run.
  let number: Int
  /// How many recursive calls are around it.
  let depth0: Int
  let index0: Int
  let count: Int
  let previous: TemplateValue
  let next: TemplateValue

  func attribute(_ name: String) -> TemplateValue? {
    switch name {
    case "index": .integer(index0 + 1)
    case "index0": .integer(index0)
    case "revindex": .integer(count - index0)
    case "revindex0": .integer(count - index0 - 1)
    case "first": .boolean(index0 == 0)
    case "last": .boolean(index0 == count - 1)
    case "length": .integer(count)
    case "previtem": previous
    case "nextitem": next
    case "depth": .integer(depth0 + 1)
    case "depth0": .integer(depth0)
    case "cycle", "changed": .method(.loop(self), name)
    default: nil
    }
  }
}

/// An object with its members in order. Its keys are strings, compared by their bytes, and whole numbers.
struct TemplateDictionary: Sendable {
  private(set) var keys: [TemplateValue] = []
  private(set) var values: [TemplateValue] = []
  private var indices: [[UInt8]: Int] = [:]

  static func isKey(_ value: TemplateValue) -> Bool {
    switch value {
    case .string, .markup, .integer, .boolean: true
    default: false
    }
  }

  /// What tells keys apart: numbers that are equal are one key, as in Python. Nil for what is never a key.
  private static func bytes(of key: TemplateValue) -> [UInt8]? {
    let whole: Int?
    switch key {
    case .string(let text), .markup(let text): return Array(text.utf8)
    case .number(let value): whole = Int(exactly: value)
    default: whole = key.whole
    }
    // No text begins with this byte.
    return whole.map { [0xFF] + Array(String($0).utf8) }
  }

  subscript(key: TemplateValue) -> TemplateValue? {
    get {
      guard let bytes = Self.bytes(of: key), let index = indices[bytes] else { return nil }
      return values[index]
    }
    set {
      guard let newValue, let bytes = Self.bytes(of: key) else { return }
      if let index = indices[bytes] {
        values[index] = newValue
      } else {
        indices[bytes] = keys.count
        keys.append(key)
        values.append(newValue)
      }
    }
  }

  subscript(key: String) -> TemplateValue? {
    get { self[TemplateValue.string(key)] }
    set { self[TemplateValue.string(key)] = newValue }
  }

  var count: Int { keys.count }
}

extension TemplateValue {
  /// Without the marks that only few operations look at: a plain text, a plain pair.
  var plain: TemplateValue {
    switch self {
    case .markup(let text): .string(text)
    case .group(let key, let elements): .tuple([key, .list(elements)])
    default: self
    }
  }

  /// Whether a name in brackets means one of its parts, as it does after a dot.
  var hasNamedParts: Bool {
    switch self {
    case .group, .cycler, .loop, .namespace: true
    default: false
    }
  }

  var isMarked: Bool { if case .markup = self { true } else { false } }

  var isUndefined: Bool { if case .undefined = self { true } else { false } }

  /// Python's truth.
  var isTrue: Bool {
    switch self {
    case .undefined, .none: false
    case .boolean(let value): value
    case .integer(let value): value != 0
    case .number(let value): value != 0
    case .string(let text), .markup(let text): !text.isEmpty
    case .list(let elements), .tuple(let elements): !elements.isEmpty
    case .dictionary(let members): members.count > 0
    case .namespace, .macro, .generator, .loop, .group, .cycler, .joiner, .function, .method: true
    }
  }

  /// Whether Python writes it without an address in memory.
  var hasText: Bool {
    switch self {
    case .undefined, .none, .boolean, .integer, .number, .string, .markup: true
    case .list(let elements), .tuple(let elements): elements.allSatisfy(\.hasText)
    case .group(let key, let elements): key.hasText && elements.allSatisfy(\.hasText)
    case .dictionary(let members): members.values.allSatisfy(\.hasText)
    case .namespace, .macro, .generator, .loop, .cycler, .joiner, .function, .method: false
    }
  }

  /// What kind of value it is, in Python's words.
  var typeName: String {
    switch self {
    case .undefined: "undefined"
    case .none: "None"
    case .boolean: "bool"
    case .integer: "int"
    case .number: "float"
    case .string, .markup: "str"
    case .list: "list"
    case .tuple, .group: "tuple"
    case .dictionary: "dict"
    case .namespace: "namespace"
    case .generator: "generator"
    case .loop: "loop"
    case .cycler: "cycler"
    case .joiner: "joiner"
    case .macro, .function, .method: "function"
    }
  }

  var isContainer: Bool {
    switch self {
    case .list, .tuple, .group, .dictionary, .method: true
    default: false
    }
  }

  /// Counts the values in this one and the bytes of their texts; false if a limit is passed.
  func measure(_ limits: TemplateRun.Limits, depth: Int, _ count: inout Int, _ byteCount: inout Int) -> Bool {
    count += 1
    guard count <= limits.valueCount, depth <= limits.valueDepth, byteCount <= limits.outputByteCount else {
      return false
    }
    switch self {
    case .string(let text), .markup(let text):
      byteCount += text.utf8.count
      return true
    case .group(let key, let elements):
      return key.measure(limits, depth: depth + 1, &count, &byteCount)
        && elements.allSatisfy { $0.measure(limits, depth: depth + 2, &count, &byteCount) }
    case .list(let elements), .tuple(let elements):
      return elements.allSatisfy { $0.measure(limits, depth: depth + 1, &count, &byteCount) }
    case .dictionary(let members):
      for key in members.keys { if case .string(let text) = key.plain { byteCount += text.utf8.count } }
      return members.values.allSatisfy { $0.measure(limits, depth: depth + 1, &count, &byteCount) }
    case .method(let value, _): return value.measure(limits, depth: depth + 1, &count, &byteCount)
    default: return true
    }
  }

  /// A number as a double; Booleans count, as in Python.
  var numeric: Double? {
    switch self {
    case .boolean(let value): value ? 1 : 0
    case .integer(let value): Double(value)
    case .number(let value): value
    default: nil
    }
  }

  /// A whole number; Booleans count.
  var whole: Int? {
    switch self {
    case .boolean(let value): value ? 1 : 0
    case .integer(let value): value
    default: nil
    }
  }

  /// Python's `==`.
  func isEqual(to other: TemplateValue) -> Bool {
    switch (plain, other.plain) {
    case (.undefined, .undefined), (.none, .none): return true
    case (.string(let left), .string(let right)):
      return left.utf8.count == right.utf8.count && left.utf8.elementsEqual(right.utf8)
    case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
      return left.count == right.count && zip(left, right).allSatisfy { $0.isEqual(to: $1) }
    case (.dictionary(let left), .dictionary(let right)):
      return left.count == right.count
        && zip(left.keys, left.values).allSatisfy { key, value in right[key].map { value.isEqual(to: $0) } ?? false }
    case (.namespace(let left), .namespace(let right)): return left == right
    case (.generator(let left), .generator(let right)), (.macro(let left), .macro(let right)),
      (.cycler(let left), .cycler(let right)), (.joiner(let left), .joiner(let right)):
      return left == right
    case (.function(let left), .function(let right)): return left == right
    default:
      if let left = whole, let right = other.whole { return left == right }
      guard let left = numeric, let right = other.numeric else { return false }
      return left == right
    }
  }
}

extension TemplateValue {
  /// -1, 0 or 1, as Python orders two values; nil if Python can't.
  ///
  /// - Parameter isPart: whether the values are elements of lists. Elements without an order may still be equal.
  func order(to other: TemplateValue, isPart: Bool = false) -> Int? {
    if let left = whole, let right = other.whole { return left < right ? -1 : left > right ? 1 : 0 }
    if let left = numeric, let right = other.numeric { return left < right ? -1 : left > right ? 1 : 0 }
    switch (plain, other.plain) {
    case (.string(let left), .string(let right)):
      let (a, b) = (left.unicodeScalars, right.unicodeScalars)
      return a.lexicographicallyPrecedes(b) ? -1 : a.elementsEqual(b) ? 0 : 1
    case (.list(let left), .list(let right)), (.tuple(let left), .tuple(let right)):
      for (a, b) in zip(left, right) {
        guard let order = a.order(to: b, isPart: true) else { return nil }
        if order != 0 { return order }
      }
      return left.count < right.count ? -1 : left.count > right.count ? 1 : 0
    default: return isPart && isEqual(to: other) ? 0 : nil
    }
  }
}

// MARK: - Texts

extension TemplateValue {
  /// Python's `str`.
  var text: String {
    switch self {
    case .undefined: ""
    case .string(let text), .markup(let text): text
    default: representation
    }
  }

  /// Python's `repr`.
  var representation: String {
    switch self {
    case .undefined: "Undefined"
    case .none: "None"
    case .boolean(let value): value ? "True" : "False"
    case .integer(let value): String(value)
    case .number(let value): Self.text(of: value)
    case .string(let text): Self.quoted(text)
    case .markup(let text): "Markup(\(Self.quoted(text)))"
    case .group: plain.representation
    case .list(let elements): "[" + elements.map(\.representation).joined(separator: ", ") + "]"
    case .tuple(let elements):
      "(" + elements.map(\.representation).joined(separator: ", ") + (elements.count == 1 ? ",)" : ")")
    case .dictionary(let members):
      "{"
        + zip(members.keys, members.values).map { "\($0.representation): \($1.representation)" }.joined(separator: ", ")
        + "}"
    case .namespace: "<Namespace>"
    case .macro, .function, .method: "<function>"
    case .generator: "<generator>"
    case .loop: "<LoopContext>"
    case .cycler: "<Cycler>"
    case .joiner: "<Joiner>"
    }
  }

  /// A double as Python writes it.
  static func text(of value: Double) -> String {
    if value.isNaN { return "nan" }
    if value.isInfinite { return value < 0 ? "-inf" : "inf" }
    // Both write the shortest digits that read back; only the point where exponents begin differs.
    let swift = "\(value.magnitude)".lowercased()
    let parts = swift.split(separator: "e")
    var digits = parts[0].filter { $0 != "." }
    var point =
      (parts[0].firstIndex(of: ".").map { parts[0].distance(from: parts[0].startIndex, to: $0) } ?? digits.count)
    point += parts.count > 1 ? Int(parts[1]) ?? 0 : 0
    while digits.count > 1, digits.hasPrefix("0") {
      digits.removeFirst()
      point -= 1
    }
    while digits.count > 1, digits.hasSuffix("0") { digits.removeLast() }
    let sign = value.sign == .minus ? "-" : ""
    if digits == "0" { return sign + "0.0" }
    guard point > -4, point <= 16 else {
      let head = digits.count == 1 ? String(digits) : "\(digits.prefix(1)).\(digits.dropFirst())"
      let exponent = point - 1
      let size = exponent.magnitude < 10 ? "0\(exponent.magnitude)" : "\(exponent.magnitude)"
      return "\(sign)\(head)e\(exponent < 0 ? "-" : "+")\(size)"
    }
    if point <= 0 { return sign + "0." + String(repeating: "0", count: -point) + digits }
    if digits.count <= point { return sign + digits + String(repeating: "0", count: point - digits.count) + ".0" }
    return "\(sign)\(digits.prefix(point)).\(digits.dropFirst(point))"
  }

  /// A string in Python's quotes.
  static func quoted(_ text: String) -> String {
    let scalars = text.unicodeScalars
    let quote: Unicode.Scalar = scalars.contains("'") && !scalars.contains("\"") ? "\"" : "'"
    var result = String.UnicodeScalarView()
    result.append(quote)
    for scalar in scalars {
      switch scalar {
      case "\\": result.add("\\\\")
      case "\n": result.add("\\n")
      case "\r": result.add("\\r")
      case "\t": result.add("\\t")
      case quote:
        result.append("\\")
        result.append(scalar)
      default:
        if isPrintable(scalar) {
          result.append(scalar)
        } else {
          let hexadecimal = String(scalar.value, radix: 16)
          let (mark, width) = scalar.value < 0x100 ? ("x", 2) : scalar.value < 0x10000 ? ("u", 4) : ("U", 8)
          let digits = String(repeating: "0", count: max(0, width - hexadecimal.count)) + hexadecimal
          result.add("\\\(mark)\(digits)")
        }
      }
    }
    result.append(quote)
    return String(result)
  }

  static func isPrintable(_ scalar: Unicode.Scalar) -> Bool {
    if scalar == " " { return true }
    switch scalar.properties.generalCategory {
    case .control, .format, .surrogate, .privateUse, .unassigned, .lineSeparator, .paragraphSeparator, .spaceSeparator:
      return false
    default: return true
    }
  }
}
