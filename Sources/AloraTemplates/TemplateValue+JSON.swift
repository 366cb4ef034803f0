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
  /// The text that Python's `json.dumps` writes; nil for values that JSON can't express, and for keys that can't be sorted.
  func json(_ style: TemplateJSONStyle, level: Int = 0) -> String? {
    switch self {
    case .none: return "null"
    case .boolean(let value): return value ? "true" : "false"
    case .integer(let value): return String(value)
    case .number(let value):
      return value.isNaN ? "NaN" : value.isInfinite ? (value < 0 ? "-Infinity" : "Infinity") : Self.text(of: value)
    case .string(let text), .markup(let text): return Self.jsonQuoted(text, isASCII: style.isASCII)
    case .group: return plain.json(style, level: level)
    case .list(let elements), .tuple(let elements):
      var parts: [String] = []
      for element in elements {
        guard let part = element.json(style, level: level + 1) else { return nil }
        parts.append(part)
      }
      return Self.enclosed(parts, "[", "]", style, level)
    case .dictionary(let members):
      var order = Array(members.keys.indices)
      if style.sortsKeys {
        var isOrdered = true
        order.sort { first, second in
          guard let sign = members.keys[first].order(to: members.keys[second]) else {
            isOrdered = false
            return false
          }
          return sign == 0 ? first < second : sign < 0
        }
        guard isOrdered else { return nil }
      }
      var parts: [String] = []
      for index in order {
        let key = members.keys[index].plain
        let name = if case .string(let text) = key { text } else { key.json(TemplateJSONStyle()) ?? "" }
        guard let value = members.values[index].json(style, level: level + 1) else { return nil }
        parts.append(Self.jsonQuoted(name, isASCII: style.isASCII) + style.keySeparator + value)
      }
      return Self.enclosed(parts, "{", "}", style, level)
    default: return nil
    }
  }

  private static func enclosed(
    _ parts: [String], _ open: String, _ close: String, _ style: TemplateJSONStyle, _ level: Int
  ) -> String {
    guard let indent = style.indent, !parts.isEmpty else {
      return open + parts.joined(separator: style.itemSeparator) + close
    }
    let outer = "\n" + String(repeating: indent, count: level)
    let inner = "\n" + String(repeating: indent, count: level + 1)
    return open + inner + parts.joined(separator: style.itemSeparator + inner) + outer + close
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
