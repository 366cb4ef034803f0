/// How `tojson` writes a value.
struct TemplateJSONStyle {
  /// What each level is indented by; nil for one line.
  var indent: String?
  var itemSeparator = ", "
  var keySeparator = ": "
  var isASCII = false
  var sortsKeys = false
}

extension TemplateValue {
  /// Adds the value to `output` as Python's `json.dumps` writes it.
  ///
  /// - Returns: false for values that JSON can't express, and for keys that can't be sorted.
  func writeJSON(_ style: TemplateJSONStyle, level: Int = 0, to output: inout BoundedText) -> Bool {
    func breakLine(_ level: Int) { if let indent = style.indent { output.breakLine(indent: indent, times: level) } }
    switch self {
    case .none: output.add("null")
    case .boolean(let value): output.add(value ? "true" : "false")
    case .integer(let value): output.add(String(value))
    case .number(let value):
      output.add(
        value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-Infinity" : "Infinity") : Self.text(of: value))
    case .string(let text), .markup(let text): output.add(Self.jsonQuoted(text, isASCII: style.isASCII))
    case .group: return plain.writeJSON(style, level: level, to: &output)
    case .list(let elements), .tuple(let elements):
      output.add("[")
      for (index, element) in elements.enumerated() where !output.isFull {
        if index > 0 { output.add(style.itemSeparator) }
        breakLine(level + 1)
        guard element.writeJSON(style, level: level + 1, to: &output) else { return false }
      }
      if !elements.isEmpty { breakLine(level) }
      output.add("]")
    case .dictionary(let members):
      guard let order = members.jsonOrder(sorted: style.sortsKeys) else { return false }
      output.add("{")
      for (position, index) in order.enumerated() where !output.isFull {
        if position > 0 { output.add(style.itemSeparator) }
        breakLine(level + 1)
        output.add(Self.jsonQuoted(members.keys[index].jsonKey, isASCII: style.isASCII) + style.keySeparator)
        guard members.values[index].writeJSON(style, level: level + 1, to: &output) else { return false }
      }
      if !order.isEmpty { breakLine(level) }
      output.add("}")
    default: return false
    }
    return true
  }

  /// A dictionary's key as JSON has it, without quotes.
  private var jsonKey: String {
    if case .boolean(let value) = self { value ? "true" : "false" } else { text }
  }

  private static func jsonQuoted(_ text: String, isASCII: Bool) -> String {
    func escape(_ unit: UInt16) -> String {
      let digits = String(unit, radix: 16)
      return "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    }
    var result = String.UnicodeScalarView()
    result.append("\"")
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"": result.add("\\\"")
      case "\\": result.add("\\\\")
      case "\n": result.add("\\n")
      case "\r": result.add("\\r")
      case "\t": result.add("\\t")
      case "\u{8}": result.add("\\b")
      case "\u{C}": result.add("\\f")
      default:
        if scalar.value < 0x20 || isASCII && scalar.value > 0x7E {
          for unit in String(scalar).utf16 { result.add(escape(unit)) }
        } else {
          result.append(scalar)
        }
      }
    }
    result.append("\"")
    return String(result)
  }
}

extension TemplateDictionary {
  /// The places of the members as JSON writes them; nil if their keys should be sorted and have no order.
  fileprivate func jsonOrder(sorted isSorted: Bool) -> [Int]? {
    guard isSorted else { return Array(keys.indices) }
    var isOrdered = true
    let order = keys.indices.sorted { first, second in
      guard let sign = keys[first].order(to: keys[second]) else {
        isOrdered = false
        return false
      }
      return sign == 0 ? first < second : sign < 0
    }
    return isOrdered ? order : nil
  }
}
