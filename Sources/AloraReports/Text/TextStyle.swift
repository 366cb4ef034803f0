/// The style of text output: with a terminal's colors, or plain.
package struct TextStyle: Sendable {
  package let hasColor: Bool

  package init(hasColor: Bool) { self.hasColor = hasColor }

  package enum Style: String, Sendable {
    case bold = "1"
    case dim = "2"
    case red = "31"
    case green = "32"
    case yellow = "33"
    case blue = "34"
  }

  /// The mark of a check: whether it passed; nil if it didn't run.
  func mark(_ passed: Bool?) -> String {
    passed.map { $0 ? styled("✓", .green) : styled("✗", .red) } ?? styled("-", .dim)
  }

  /// The text in a style, or plain without colour.
  package func styled(_ text: String, _ style: Style) -> String {
    hasColor ? "\u{1B}[\(style.rawValue)m\(text)\u{1B}[0m" : text
  }
}

extension String {
  /// The string with spaces after it, so that it has `width` characters.
  package func padded(to width: Int) -> String { self + String(repeating: " ", count: max(0, width - count)) }
}

/// A number of bytes in decimal units: `19.6 MB`.
package func byteText(_ count: Int) -> String {
  let units = ["B", "kB", "MB", "GB", "TB"]
  var value = Double(count)
  var unit = 0
  while value >= 1000 && unit < units.count - 1 {
    value /= 1000
    unit += 1
  }
  return unit == 0 ? "\(count) B" : "\((value * 10).rounded() / 10) \(units[unit])"
}
