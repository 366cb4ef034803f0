/// Markup. What is written into a literal is markup; what is interpolated is text, and cannot become markup.
struct HTML: ExpressibleByStringInterpolation, Sendable {
  private(set) var markup: String

  init(stringLiteral literal: String) { markup = literal }
  init(stringInterpolation interpolation: Interpolation) { markup = interpolation.markup }

  /// Text, escaped and with its invisible characters made visible.
  init(text: some StringProtocol) { markup = String(text).escapedForHTML }

  struct Interpolation: StringInterpolationProtocol {
    fileprivate var markup = ""

    init(literalCapacity: Int, interpolationCount: Int) { markup.reserveCapacity(literalCapacity) }
    mutating func appendLiteral(_ literal: String) { markup += literal }
    mutating func appendInterpolation(_ text: some StringProtocol) { markup += String(text).escapedForHTML }
    mutating func appendInterpolation(_ number: Int) { markup += String(number) }
    mutating func appendInterpolation(_ html: HTML) { markup += html.markup }
    mutating func appendInterpolation(_ html: HTML?) { markup += html?.markup ?? "" }
  }

  typealias StringInterpolation = Interpolation

  static func + (left: HTML, right: HTML) -> HTML { "\(left)\(right)" }
  static func += (left: inout HTML, right: HTML) { left.markup += right.markup }
}

extension Sequence<HTML> {
  func joined() -> HTML { reduce(into: "") { $0 += $1 } }
}

extension String {
  /// Text for an element's content or a quoted attribute. What would break out, hide, reorder or not show is spelled `⟨U+202E⟩`.
  fileprivate var escapedForHTML: String {
    replacingScalars { scalar in
      switch scalar {
      case "&": "&amp;"
      case "<": "&lt;"
      case ">": "&gt;"
      case "\"": "&quot;"
      case "'": "&#39;"
      default: scalar.isInvisible ? scalar.codePointText : nil
      }
    }
  }

  /// A token's spelling as it is shown: blanks and line ends have signs, and a mark that would sit on its neighbour has a place of
  /// its own.
  var shownAsPiece: String {
    guard let first = unicodeScalars.first else { return "∅" }
    let signs = replacingScalars { scalar in
      switch scalar {
      case " ": "·"
      case "\n": "↵"
      case "\r": "␍"
      case "\t": "⇥"
      default: nil
      }
    }
    return first.isMark ? "\u{25CC}" + signs : signs
  }
}
