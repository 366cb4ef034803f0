/// Links in a text, as Jinja's `urlize` finds them.
///
/// Source: `urlize` of Jinja's utils.py.
enum PythonLinks {
  struct Style {
    var limit: Int?
    /// The attributes of each link, with a space in front.
    var attributes = ""
    var schemes: [String] = []
  }

  private typealias Scalars = ArraySlice<Unicode.Scalar>

  /// - Parameter text: escaped.
  static func linked(_ text: String, _ style: Style, limit: Int) -> BoundedText {
    let scalars = Array(text.unicodeScalars)
    var result = BoundedText(limit: limit)
    var start = 0
    while start < scalars.count, !result.isFull {
      let isSpace = PythonText.isSpace(scalars[start])
      let end = scalars[start...].firstIndex { PythonText.isSpace($0) != isSpace } ?? scalars.count
      result.add(isSpace ? PythonText.string(scalars[start..<end]) : word(scalars[start..<end], style))
      start = end
    }
    return result
  }

  /// `name:`, as a scheme begins.
  static func isScheme(_ text: String) -> Bool {
    let scalars = Array(text.unicodeScalars)
    guard let colon = scalars.firstIndex(of: ":"), colon > 1, scalars[..<colon].allSatisfy({ isSchemeLetter($0) })
    else {
      return false
    }
    return scalars[(colon + 1)...].allSatisfy { $0 == "/" } && scalars.count - colon - 1 <= 2
  }

  private static func isSchemeLetter(_ scalar: Unicode.Scalar) -> Bool {
    PythonText.isWordCharacter(scalar) || ".+-".unicodeScalars.contains(scalar)
  }

  private static func starts(_ scalars: Scalars, _ text: String) -> Bool { scalars.starts(with: text.unicodeScalars) }

  private static func count(_ part: String, _ scalars: Scalars) -> Int {
    PythonText.count(of: part, in: PythonText.string(scalars))
  }

  private static func word(_ word: Scalars, _ style: Style) -> String {
    var middle = word
    while let mark = ["(", "<", "&lt;"].first(where: { starts(middle, $0) }) {
      middle = middle.dropFirst(mark.unicodeScalars.count)
    }
    let head = word[..<middle.startIndex]
    let closing = [")", ">", ".", ",", "&gt;"].map { Array($0.unicodeScalars) }
    while let mark = closing.first(where: { middle.count >= $0.count && middle.suffix($0.count).elementsEqual($0) }) {
      middle = middle.dropLast(mark.count)
    }
    var tail = word[middle.endIndex...]
    for (open, close) in [("(", ")"), ("<", ">"), ("&lt;", "&gt;")] {
      let opened = count(open, middle)
      guard opened > count(close, middle) else { continue }
      for _ in 0..<min(opened, count(close, tail)) {
        let part = Array(close.unicodeScalars)
        guard let place = tail.indices.first(where: { tail[$0...].starts(with: part) }) else { break }
        middle = word[middle.startIndex..<(place + part.count)]
        tail = word[(place + part.count)...]
      }
    }
    return PythonText.string(head) + link(middle, style) + PythonText.string(tail)
  }

  private static func link(_ word: Scalars, _ style: Style) -> String {
    let text = PythonText.string(word)
    var shown = text
    if let limit = style.limit, word.count > limit {
      // Python's slices count a negative end from the text's end.
      let end = limit < 0 ? max(0, word.count + limit) : limit
      shown = PythonText.string(word.prefix(end)) + "..."
    }
    if isAddress(word) {
      let scheme = starts(word, "https://") || starts(word, "http://") ? "" : "https://"
      return "<a href=\"\(scheme)\(text)\"\(style.attributes)>\(shown)</a>"
    }
    if starts(word, "mailto:"), isMail(word.dropFirst(7)) {
      return "<a href=\"\(text)\">\(PythonText.string(word.dropFirst(7)))</a>"
    }
    if word.contains("@"), !starts(word, "www."), !starts(word, "@"), !word.contains(":"), isMail(word) {
      return "<a href=\"mailto:\(text)\">\(text)</a>"
    }
    var result = text
    for scheme in style.schemes
    where PythonText.hasPrefix(result, scheme) && result.utf8.count != scheme.utf8.count {
      result = "<a href=\"\(result)\"\(style.attributes)>\(result)</a>"
    }
    return result
  }

  /// Something, an `@`, and a name with a dot in it.
  private static func isMail(_ word: Scalars) -> Bool {
    word.indices.contains { at in
      guard word[at] == "@", at > word.startIndex, at + 1 < word.endIndex else { return false }
      let domain = word[(at + 1)...]
      guard PythonText.isWordCharacter(domain[domain.startIndex]),
        domain.allSatisfy({ PythonText.isWordCharacter($0) || $0 == "." || $0 == "-" }),
        let dot = domain.lastIndex(of: "."), dot > domain.startIndex
      else { return false }
      let last = domain[(dot + 1)...]
      return !last.isEmpty && last.allSatisfy { PythonText.isWordCharacter($0) }
    }
  }

  private static func isAddress(_ word: Scalars) -> Bool {
    // Each way to read the host ends somewhere; a port and a path may follow.
    hostEnds(word).contains { end in
      var rest = word[end...]
      if rest.first == ":" {
        let digits = rest.dropFirst().prefix { isDigit($0) }
        if !digits.isEmpty, digits.count <= 5 { rest = rest[digits.endIndex...] }
      }
      return rest.isEmpty || "/?#".unicodeScalars.contains(rest[rest.startIndex])
    }
  }

  private static func isDigit(_ scalar: Unicode.Scalar) -> Bool { scalar.properties.numericType == .decimal }
  private static func isLabel(_ scalar: Unicode.Scalar) -> Bool {
    PythonText.isWordCharacter(scalar) || scalar == "%" || scalar == "-"
  }

  private static func hostEnds(_ word: Scalars) -> [Int] {
    let lower = PythonText.string(
      word.prefix(8).map { $0.isASCII ? Character($0).lowercased().unicodeScalars.first ?? $0 : $0 })
    let scheme = lower.hasPrefix("https://") ? 8 : lower.hasPrefix("http://") ? 7 : 0
    var ends: [Int] = []
    if scheme > 0 {
      let host = word.dropFirst(scheme)
      ends += namedHostEnds(host) + numberedHostEnds(host)
    }
    if lower.hasPrefix("www.") { ends += namedHostEnds(word.dropFirst(4)) }
    return ends + bareHostEnds(word)
  }

  private static func labels(_ host: Scalars) -> [Scalars] {
    let name = host.prefix { isLabel($0) || $0 == "." }
    return name.split(separator: ".", omittingEmptySubsequences: false)
  }

  /// Where a name can end whose last part is two letters or more: the part may be cut short.
  private static func namedHostEnds(_ host: Scalars) -> [Int] {
    var ends: [Int] = []
    for label in labels(host) {
      let letters = label.prefix { isLetter($0) }
      if letters.count >= 2 { ends.append(letters.prefix(63).endIndex) }
      if letters.count > 63 { ends.removeLast() }
      let lower = PythonText.lower(PythonText.string(label.prefix(4)))
      if lower == "xn--" {
        let rest = label.dropFirst(4).prefix { PythonText.isWordCharacter($0) || $0 == "%" }
        if (2...59).contains(rest.count) { ends.append(rest.endIndex) }
      }
      // Another part follows only after one that is not empty.
      if label.isEmpty { break }
    }
    return ends
  }

  private static func isLetter(_ scalar: Unicode.Scalar) -> Bool {
    ("a"..."z").contains(scalar) || ("A"..."Z").contains(scalar) || scalar == "\u{17F}" || scalar == "\u{212A}"
      || scalar == "\u{130}" || scalar == "\u{131}"
  }

  /// Names without a scheme end in one of a few domains.
  private static func bareHostEnds(_ word: Scalars) -> [Int] {
    let domains = ["com", "net", "int", "edu", "gov", "org", "info", "mil"]
    var ends: [Int] = []
    for (index, label) in labels(word).enumerated() {
      if index > 0 {
        for domain in domains
        where PythonText.lower(PythonText.string(label.prefix(domain.utf8.count))) == domain {
          ends.append(label.startIndex + domain.utf8.count)
        }
      }
      guard (2...63).contains(label.count) else { break }
    }
    return ends
  }

  private static func numberedHostEnds(_ host: Scalars) -> [Int] {
    var ends: [Int] = []
    let parts = host.prefix { isDigit($0) || $0 == "." }.split(separator: ".", omittingEmptySubsequences: false)
    if parts.count >= 4, parts.prefix(4).allSatisfy({ !$0.isEmpty }), parts.prefix(3).allSatisfy({ $0.count <= 3 }) {
      ends.append(parts[3].prefix(3).endIndex)
    }
    if host.first == "[", let close = host.firstIndex(of: "]") {
      let inside = host[(host.startIndex + 1)..<close]
      let groups = inside.split(separator: ":", omittingEmptySubsequences: false)
      let isHexadecimal = groups.allSatisfy { group in
        group.count <= 4 && group.allSatisfy { isDigit($0) || ("a"..."f").contains($0) || ("A"..."F").contains($0) }
      }
      // Two groups with colons, and one to six whose colons may be left out.
      if isHexadecimal, (3...9).contains(groups.count) { ends.append(close + 1) }
    }
    return ends
  }
}
