extension String {
  /// The text with some scalars replaced; nil keeps the scalar.
  func replacingScalars(_ replacement: (Unicode.Scalar) -> String?) -> String {
    unicodeScalars.reduce(into: "") { text, scalar in
      if let other = replacement(scalar) { text += other } else { text.unicodeScalars.append(scalar) }
    }
  }

  /// XML 1.0 has no way to write most control characters: they become U+FFFD.
  var escapedForXML: String {
    replacingScalars { scalar in
      switch scalar {
      case "&": "&amp;"
      case "<": "&lt;"
      case ">": "&gt;"
      case "\"": "&quot;"
      case "\t", "\n", "\r": "&#\(scalar.value);"
      case "\u{0}"..."\u{1F}", "\u{FFFE}", "\u{FFFF}": "\u{FFFD}"
      default: nil
      }
    }
  }

  /// Source: GitHub's actions/toolkit, packages/core/src/command.ts.
  var escapedForWorkflow: String {
    replacingScalars { scalar in
      switch scalar {
      case "%": "%25"
      case "\r": "%0D"
      case "\n": "%0A"
      default: scalar.isInvisible ? scalar.codePointText : nil
      }
    }
  }

  /// Text that Markdown shows unchanged: no markup, no HTML, no end of the table's cell.
  var escapedForMarkdown: String {
    replacingScalars { scalar in
      switch scalar {
      case "\\", "`", "*", "_", "[", "]", "|", "#", "~", "@": "&#\(scalar.value);"
      case "&": "&amp;"
      case "<": "&lt;"
      case ">": "&gt;"
      case "\r", "\n": " "
      default: scalar.isInvisible ? scalar.codePointText : nil
      }
    }
  }
}

extension Unicode.Scalar {
  /// Whether the scalar is invisible or misleading.
  var isInvisible: Bool {
    switch properties.generalCategory {
    case .control, .format, .lineSeparator, .paragraphSeparator, .surrogate, .privateUse, .unassigned: true
    case .spaceSeparator: self != " "
    default: properties.isDefaultIgnorableCodePoint
    }
  }

  var isMark: Bool {
    switch properties.generalCategory {
    case .nonspacingMark, .spacingMark, .enclosingMark: true
    default: false
    }
  }

  var codePointText: String {
    let digits = String(value, radix: 16, uppercase: true)
    return "⟨U+" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits + "⟩"
  }
}
