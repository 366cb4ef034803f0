/// Rewrites a pattern so that every Oniguruma from 6.9.8 on matches it as 6.9.10 does. ``UnicodeAdditions`` are written into
/// its classes.
package struct PatternTranslation {
  // By scalars, because a bracket and a combining mark after it form one `Character`.
  private let pattern: [Unicode.Scalar]
  private var offset = 0
  private var depth = 0
  private var result = ""

  private init(_ pattern: String) { self.pattern = Array(pattern.unicodeScalars) }

  /// The pattern with the additions in its classes.
  package static func translated(_ pattern: String) -> String {
    var translation = PatternTranslation(pattern)
    translation.run()
    return translation.result
  }

  private mutating func run() {
    while offset < pattern.count {
      switch pattern[offset] {
      case "\\" where offset + 1 < pattern.count: escape(pattern[offset + 1])
      case "[": openClass()
      case "]" where depth > 0:
        depth -= 1
        copy(1)
      default: copy(1)
      }
    }
  }

  private mutating func copy(_ count: Int) {
    for _ in 0..<count where offset < pattern.count {
      result.unicodeScalars.append(pattern[offset])
      offset += 1
    }
  }

  /// Copies `[`, `[^` and a literal `]` after it; translates POSIX brackets.
  private mutating func openClass() {
    if depth > 0, let length = posixBracketLength() { return posixBracket(length) }
    depth += 1
    copy(1)
    if offset < pattern.count, pattern[offset] == "^" { copy(1) }
    if offset < pattern.count, pattern[offset] == "]" { copy(1) }
  }

  /// The length of `[:name:]` or `[:^name:]`, or nil.
  private func posixBracketLength() -> Int? {
    guard offset + 1 < pattern.count, pattern[offset + 1] == ":" else { return nil }
    var end = offset + 2
    if end < pattern.count, pattern[end] == "^" { end += 1 }
    while end < pattern.count, "a"..."z" ~= pattern[end] { end += 1 }
    guard end + 1 < pattern.count, pattern[end] == ":", pattern[end + 1] == "]" else { return nil }
    return end + 2 - offset
  }

  private mutating func posixBracket(_ length: Int) {
    var name = text(offset + 2, offset + length - 2)
    let isNegated = name.hasPrefix("^")
    if isNegated { name.removeFirst() }
    if name == "punct" {
      write(Self.punctuation, isNegated: isNegated, length: length)
    } else {
      write([Class(name: name == "word" ? "w" : name, text: "[:\(name):]")], isNegated: isNegated, length: length)
    }
  }

  private mutating func escape(_ next: Unicode.Scalar) {
    switch next {
    case "w", "W": word(isNegated: next == "W")
    case "d", "D": write([Class(name: "nd", text: "\\d")], isNegated: next == "D", length: 2)
    case "b" where depth == 0: boundary("(?:(?<=\(Self.word))(?!\(Self.word))|(?<!\(Self.word))(?=\(Self.word)))")
    case "B" where depth == 0: boundary("(?:(?<=\(Self.word))(?=\(Self.word))|(?<!\(Self.word))(?!\(Self.word)))")
    case "p", "P": property(isNegated: next == "P")
    default: copy(2)
    }
  }

  private mutating func property(isNegated: Bool) {
    guard offset + 2 < pattern.count, pattern[offset + 2] == "{", let end = pattern[offset...].firstIndex(of: "}")
    else { return copy(2) }
    var isNegated = isNegated
    var name = text(offset + 3, end)
    if name.hasPrefix("^") {
      isNegated.toggle()
      name.removeFirst()
    }
    let key = name.lowercased().filter { $0 != " " && $0 != "_" && $0 != "-" }
    let classes = key == "posixpunct" ? Self.punctuation : [Class(name: key, text: "\\p{\(name)}")]
    write(classes, isNegated: isNegated, length: end + 1 - offset)
  }

  private func text(_ start: Int, _ end: Int) -> String {
    var text = String.UnicodeScalarView()
    text.append(contentsOf: pattern[start..<end])
    return String(text)
  }
}

// MARK: - Classes

extension PatternTranslation {
  /// A class of the library, and the characters that it lacks.
  private struct Class {
    let name: String
    let text: String
    var changes: UnicodeAdditions? { UnicodeAdditions.named(name) }
  }

  /// The POSIX class `punct`, as in Oniguruma 6.9.9 and later.
  private static let punctuation = [Class(name: "p", text: "\\p{P}"), Class(name: "s", text: "\\p{S}")]

  private static let wordAdditions = UnicodeAdditions.named("w").map { ranges($0.added) } ?? ""

  /// A word character. Oniguruma's `\w` includes the superscripts and fractions of Latin-1, but `[\w]` doesn't.
  private static let word = "(?:\\w|[\(wordAdditions)])"

  private static func ranges(_ ranges: UnicodeAdditions.Ranges) -> String {
    ranges.map { "\\x{\(String($0.lowerBound, radix: 16))}-\\x{\(String($0.upperBound, radix: 16))}" }.joined()
  }

  private mutating func word(isNegated: Bool) {
    if depth > 0 { return write([Class(name: "w", text: "\\w")], isNegated: isNegated, length: 2) }
    result += isNegated ? "(?:(?![\(Self.wordAdditions)])\\W)" : Self.word
    offset += 2
  }

  /// Writes a word boundary that counts the added characters as parts of words.
  private mutating func boundary(_ text: String) {
    result += text
    offset += 2
  }

  /// Writes classes, with their changes, instead of the next `length` scalars of the pattern.
  private mutating func write(_ classes: [Class], isNegated: Bool, length: Int) {
    guard classes.count > 1 || classes.contains(where: { $0.changes != nil }) else { return copy(length) }
    var text = ""
    var removed = ""
    for item in classes {
      if item.changes?.isNew != true { text += item.text }
      text += Self.ranges(item.changes?.added ?? [])
      // Ends with the class again, so that a hyphen after it stays literal.
      if item.changes?.isNew != true, depth > 0, item.changes?.added.isEmpty == false { text += item.text }
      removed += Self.ranges(item.changes?.removed ?? [])
    }
    if !removed.isEmpty { text = "[\(text)]&&[^\(removed)]" }
    offset += length
    if depth > 0, !isNegated, removed.isEmpty {
      result += text
    } else {
      result += isNegated ? "[^\(text)]" : "[\(text)]"
    }
  }
}
