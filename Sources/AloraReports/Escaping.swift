extension String {
  /// The text with some scalars written otherwise; nil: the scalar stays.
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
      default: nil
      }
    }
  }

  /// Text that Markdown takes as it is: no markup, no HTML, no end of the table's cell.
  var escapedForMarkdown: String {
    replacingScalars { scalar in
      switch scalar {
      case "\\", "`", "*", "_", "[", "]", "|", "#", "~", "@": "&#\(scalar.value);"
      case "&": "&amp;"
      case "<": "&lt;"
      case ">": "&gt;"
      case "\r", "\n": " "
      default: nil
      }
    }
  }
}
