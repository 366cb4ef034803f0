/// Writes the characters that this machine's Oniguruma does not know yet into a pattern's classes.
package struct PatternTranslation {
  /// The classes whose additions are known, by the names that patterns use.
  private static let categories: [String: [String]] = [
    "l": ["Lu", "Ll", "Lt", "Lm", "Lo"], "letter": ["Lu", "Ll", "Lt", "Lm", "Lo"],
    "m": ["Mn", "Mc", "Me"], "mark": ["Mn", "Mc", "Me"], "n": ["Nd", "Nl", "No"], "number": ["Nd", "Nl", "No"],
    "p": ["Pd", "Po"], "punctuation": ["Pd", "Po"], "s": ["Sm", "So"], "symbol": ["Sm", "So"],
    "lu": ["Lu"], "ll": ["Ll"], "lt": ["Lt"], "lm": ["Lm"], "lo": ["Lo"], "mn": ["Mn"], "mc": ["Mc"], "me": ["Me"],
    "nd": ["Nd"], "nl": ["Nl"], "no": ["No"], "pd": ["Pd"], "po": ["Po"], "sm": ["Sm"], "so": ["So"], "cf": ["Cf"],
    "han": ["Han"], "hiragana": ["Hiragana"], "katakana": ["Katakana"],
  ]

  private let pattern: [Character]
  private var offset = 0
  private var depth = 0
  private var result = ""

  private init(_ pattern: String) { self.pattern = Array(pattern) }

  /// The pattern with the additions in its classes.
  package static func translated(_ pattern: String) -> String {
    var translation = PatternTranslation(pattern)
    translation.run()
    return translation.result
  }

  private mutating func run() {
    while offset < pattern.count {
      let character = pattern[offset]
      switch character {
      case "\\" where offset + 1 < pattern.count:
        escape(pattern[offset + 1])
      case "[":
        openClass()
      case "]" where depth > 0:
        depth -= 1
        copy(1)
      default: copy(1)
      }
    }
  }

  private mutating func copy(_ count: Int) {
    for _ in 0..<count where offset < pattern.count {
      result.append(pattern[offset])
      offset += 1
    }
  }

  /// Copies `[`, `[^`, a literal `]` after it, and POSIX brackets as a whole.
  private mutating func openClass() {
    if depth > 0, offset + 1 < pattern.count, pattern[offset + 1] == ":" {
      var end = offset + 2
      while end + 1 < pattern.count, !(pattern[end] == ":" && pattern[end + 1] == "]") { end += 1 }
      return copy(end + 2 - offset)
    }
    depth += 1
    copy(1)
    if offset < pattern.count, pattern[offset] == "^" { copy(1) }
    if offset < pattern.count, pattern[offset] == "]" { copy(1) }
  }

  private mutating func escape(_ next: Character) {
    switch next {
    case "w", "W": write("\\w", keys: ["w"], isNegated: next == "W", length: 2)
    case "d", "D": write("\\d", keys: ["Nd"], isNegated: next == "D", length: 2)
    case "p", "P":
      guard offset + 2 < pattern.count, pattern[offset + 2] == "{",
        let end = pattern[offset...].firstIndex(of: "}")
      else { return copy(2) }
      var name = String(pattern[(offset + 3)..<end])
      var isNegated = next == "P"
      if name.hasPrefix("^") {
        isNegated.toggle()
        name.removeFirst()
      }
      let key = name.lowercased().filter { $0 != " " && $0 != "_" && $0 != "-" }
      write("\\p{\(name)}", keys: Self.categories[key] ?? [], isNegated: isNegated, length: end + 1 - offset)
    default: copy(2)
    }
  }

  /// Writes a class with the additions of `keys` in the place of `length` characters of the pattern.
  private mutating func write(_ name: String, keys: [String], isNegated: Bool, length: Int) {
    let additions = keys.flatMap { UnicodeAdditions.ranges[$0] ?? [] }
    guard !additions.isEmpty else { return copy(length) }
    var ranges = ""
    for index in stride(from: 0, to: additions.count - 1, by: 2) {
      ranges += "\\x{\(String(additions[index], radix: 16))}-\\x{\(String(additions[index + 1], radix: 16))}"
    }
    if depth > 0 || name.hasPrefix("\\p") {
      result += isNegated ? "[^\(name)\(ranges)]" : depth > 0 ? name + ranges : "[\(name)\(ranges)]"
    } else {
      // Oniguruma's `\w` takes superscripts and fractions of Latin-1 for word characters, and `[\w]` does not.
      result += isNegated ? "(?:(?![\(ranges)])\(name.uppercased()))" : "(?:\(name)|[\(ranges)])"
    }
    offset += length
  }
}
