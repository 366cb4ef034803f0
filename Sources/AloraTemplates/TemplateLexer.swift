internal import AloraSystem

/// Splits a template into tokens: text, and the words inside tags.
///
/// White space is handled as transformers configures Jinja: `trim_blocks` removes a line break right after a block or
/// comment, `lstrip_blocks` removes white space from a line's start to a block or comment, `-` and `+` in tags work as in
/// Jinja, and one line break at the template's end is removed.
/// Source: `lexer.py` of Jinja 3.1.
struct TemplateLexer {
  enum Token: Hashable, Sendable {
    case text(String)
    case outputStart, outputEnd, blockStart, blockEnd
    case name(String)
    case string(String)
    case integer(Int)
    case number(Double)
    case symbol(String)
    case end
  }

  typealias Located = (token: Token, line: Int)

  private let source: [Unicode.Scalar]
  private var offset = 0
  private var line = 1
  private var tokens: [Located] = []
  /// Whether the text before `offset` ended a line, or nothing was before it.
  private var startsLine = true
  private var trimsNewline = false
  private var stripsAll = false

  static let largestSource = 1 << 20

  private init(_ source: [Unicode.Scalar]) { self.source = source }

  /// - Throws: `invalidTemplate`, `tooLarge`.
  static func tokens(of template: String) throws(TemplateError) -> [Located] {
    guard template.utf8.count <= largestSource else {
      throw TemplateError(.tooLarge, problem: "the template has more than \(largestSource) bytes")
    }
    var source: [Unicode.Scalar] = []
    for scalar in template.unicodeScalars {
      if scalar == "\n", source.last == "\r" { source.removeLast() }
      source.append(scalar)
    }
    source = source.map { $0 == "\r" ? "\n" : $0 }
    if source.last == "\n" { source.removeLast() }
    var lexer = TemplateLexer(source)
    try lexer.run()
    return lexer.tokens
  }

  private func error(_ problem: String) -> TemplateError {
    TemplateError(.invalidTemplate, place: "line \(line)", problem: problem)
  }

  private func peek(_ ahead: Int = 0) -> Unicode.Scalar? {
    offset + ahead < source.count ? source[offset + ahead] : nil
  }

  /// - Parameter place: nil for the place where reading is.
  private func starts(_ text: String, at place: Int? = nil) -> Bool {
    var index = place ?? offset
    for scalar in text.unicodeScalars {
      guard index < source.count, source[index] == scalar else { return false }
      index += 1
    }
    return true
  }

  private mutating func advance(_ count: Int = 1) {
    for _ in 0..<count where offset < source.count {
      if source[offset] == "\n" { line += 1 }
      offset += 1
    }
  }

  private mutating func run() throws(TemplateError) {
    while offset < source.count {
      readText()
      guard offset < source.count else { break }
      let opening = source[offset + 1]
      advance(2)
      if peek() == "-" || peek() == "+" { advance() }
      switch opening {
      case "#": try skipComment()
      case "%" where takeRaw(): try readRaw()
      case "%":
        tokens.append((.blockStart, line))
        try readTag("%}", .blockEnd)
      default:
        tokens.append((.outputStart, line))
        try readTag("}}", .outputEnd)
      }
    }
    tokens.append((.end, line))
  }

  /// Reads up to the next tag, whose white space control already counts.
  private mutating func readText() {
    let startLine = line
    if stripsAll {
      while let scalar = peek(), PythonText.isSpace(scalar) { advance() }
    } else if trimsNewline, peek() == "\n" {
      advance()
      startsLine = true
    }
    // After a tag, a line starts only if the white space after it contained a line break.
    if stripsAll, offset > 0 { startsLine = source[offset - 1] == "\n" }
    (stripsAll, trimsNewline) = (false, false)
    var text: [Unicode.Scalar] = []
    while offset < source.count,
      !(source[offset] == "{" && offset + 1 < source.count && "%{#".unicodeScalars.contains(source[offset + 1]))
    {
      text.append(source[offset])
      advance()
    }
    if offset < source.count {
      trimEnd(of: &text, isBlock: source[offset + 1] != "{", startsLine: startsLine)
    }
    guard !text.isEmpty else { return }
    tokens.append((.text(PythonText.string(text)), startLine))
  }

  /// Removes the white space at a text's end that the tag after it takes.
  ///
  /// - Parameter startsLine: whether a text without a line break starts a line.
  private func trimEnd(of text: inout [Unicode.Scalar], isBlock: Bool, startsLine: Bool) {
    let control = peek(2)
    if control == "-" {
      while let last = text.last, PythonText.isSpace(last) { text.removeLast() }
    } else if control != "+", isBlock {
      let lineStart = text.lastIndex(of: "\n").map { $0 + 1 } ?? 0
      if lineStart > 0 || startsLine, text[lineStart...].allSatisfy({ PythonText.isSpace($0) }) {
        text.removeSubrange(lineStart...)
      }
    }
  }

  private mutating func endTag(trims: Bool, from start: Int = 0) {
    let control = offset > start ? source[offset - 1] : " "
    advance(2)
    stripsAll = control == "-"
    trimsNewline = trims && control != "+"
    startsLine = false
  }

  /// Reads the tag if it is `raw`.
  private mutating func takeRaw() -> Bool {
    var end = offset
    func skipSpace() { while end < source.count, PythonText.isSpace(source[end]) { end += 1 } }
    skipSpace()
    guard starts("raw", at: end) else { return false }
    end += 3
    skipSpace()
    stripsAll = starts("-%}", at: end)
    guard stripsAll || starts("%}", at: end) else { return false }
    advance(end - offset + (stripsAll ? 3 : 2))
    return true
  }

  /// The text up to `endraw`, as it is.
  private mutating func readRaw() throws(TemplateError) {
    let start = line
    if stripsAll { while let scalar = peek(), PythonText.isSpace(scalar) { advance() } }
    stripsAll = false
    var text: [Unicode.Scalar] = []
    while offset < source.count {
      if starts("{%"), let end = endOfRaw() {
        trimEnd(of: &text, isBlock: true, startsLine: false)
        if !text.isEmpty { tokens.append((.text(PythonText.string(text)), start)) }
        advance(end - offset)
        endTag(trims: true)
        return
      }
      text.append(source[offset])
      advance()
    }
    throw error("the block has no endraw")
  }

  /// Where the closing `%}` of an `endraw` that starts here is; nil for anything else.
  private func endOfRaw() -> Int? {
    var end = offset + 2
    if end < source.count, source[end] == "-" || source[end] == "+" { end += 1 }
    while end < source.count, PythonText.isSpace(source[end]) { end += 1 }
    guard starts("endraw", at: end) else { return nil }
    end += 6
    while end < source.count, PythonText.isSpace(source[end]) { end += 1 }
    if end < source.count, source[end] == "-" || source[end] == "+" { end += 1 }
    return starts("%}", at: end) ? end : nil
  }

  private mutating func skipComment() throws(TemplateError) {
    // The sign of the comment's beginning is not that of its end, as in `{#-#}`.
    let start = offset
    while offset < source.count, !starts("#}") { advance() }
    guard offset < source.count else { throw error("a comment does not end") }
    endTag(trims: true, from: start)
  }

  private mutating func readTag(_ close: String, _ end: Token) throws(TemplateError) {
    var depth = 0
    while let scalar = peek() {
      if PythonText.isSpace(scalar) {
        advance()
      } else if depth == 0, starts(close) || (isControl(scalar, end) && starts("\(scalar)\(close)")) {
        if !starts(close) { advance() }
        tokens.append((end, line))
        endTag(trims: end == .blockEnd)
        return
      } else if scalar == "\"" || scalar == "'" {
        try readString(scalar)
      } else if ("0"..."9").contains(scalar) {
        try readNumber()
      } else if scalar == "_" || scalar.properties.isAlphabetic {
        readName()
      } else {
        try readSymbol(&depth)
      }
    }
    throw error("a tag does not end")
  }

  /// `+}}` is an addition in Jinja, and not a control; `}}` does not trim either way.
  private func isControl(_ scalar: Unicode.Scalar, _ end: Token) -> Bool {
    scalar == "-" || (scalar == "+" && end == .blockEnd)
  }

  private mutating func readName() {
    let start = line
    var name = ""
    while let scalar = peek(), scalar == "_" || scalar.properties.isAlphabetic || ("0"..."9").contains(scalar) {
      name.unicodeScalars.append(scalar)
      advance()
    }
    tokens.append((.name(name), start))
  }

  private mutating func readNumber() throws(TemplateError) {
    var text = ""
    var isWhole = true
    var hasExponent = false
    while let scalar = peek() {
      if ("0"..."9").contains(scalar) {
        text.unicodeScalars.append(scalar)
      } else if scalar == ".", isWhole, let next = peek(1), ("0"..."9").contains(next) {
        isWhole = false
        text.unicodeScalars.append(scalar)
      } else if (scalar == "e" || scalar == "E"), !hasExponent, let digits = exponentLength() {
        (isWhole, hasExponent) = (false, true)
        for _ in 0..<digits {
          text.unicodeScalars.append(source[offset])
          advance()
        }
        continue
      } else {
        break
      }
      advance()
    }
    if isWhole, let value = Int(text) {
      tokens.append((.integer(value), line))
    } else if !isWhole, let value = Double(text) {
      tokens.append((.number(value), line))
    } else {
      throw error("the number \(text) is too large")
    }
  }

  /// How many characters `e`, a sign and the first digit of an exponent take; nil if there is no exponent here.
  private func exponentLength() -> Int? {
    let signLength = peek(1) == "+" || peek(1) == "-" ? 1 : 0
    guard let digit = peek(1 + signLength), ("0"..."9").contains(digit) else { return nil }
    return 2 + signLength
  }

  private mutating func readString(_ quote: Unicode.Scalar) throws(TemplateError) {
    let start = line
    advance()
    var text = String.UnicodeScalarView()
    while let scalar = peek(), scalar != quote {
      advance()
      guard scalar == "\\" else {
        text.append(scalar)
        continue
      }
      guard let escaped = peek() else { break }
      advance()
      switch escaped {
      case "n": text.append("\n")
      case "t": text.append("\t")
      case "r": text.append("\r")
      case "b": text.append("\u{8}")
      case "f": text.append("\u{C}")
      case "\\", "'", "\"": text.append(escaped)
      case "\n": break
      case "x", "u", "U": text.append(try readHexadecimal(escaped == "x" ? 2 : escaped == "u" ? 4 : 8))
      case "0"..."7", "a", "v", "N": throw error("the escape '\\\(escaped)' in a string is not supported")
      default:
        text.append("\\")
        text.append(escaped)
      }
    }
    guard peek() == quote else { throw error("a string does not end") }
    advance()
    tokens.append((.string(String(text)), start))
  }

  private mutating func readHexadecimal(_ count: Int) throws(TemplateError) -> Unicode.Scalar {
    var value: UInt32 = 0
    for _ in 0..<count {
      guard let digit = peek().flatMap({ Character($0).hexDigitValue }),
        let next = UInt32(exactly: UInt64(value) << 4 | UInt64(digit))
      else {
        throw error("a hexadecimal escape in a string is malformed")
      }
      value = next
      advance()
    }
    guard let scalar = Unicode.Scalar(value) else { throw error("an escape in a string is not a valid character") }
    return scalar
  }

  private static let symbols = ["**", "//", "==", "!=", "<=", ">="] + "+-*/%~<>()[]{}=,.:|".map { String($0) }

  private mutating func readSymbol(_ depth: inout Int) throws(TemplateError) {
    guard let symbol = Self.symbols.first(where: { starts($0) }) else {
      throw error("unexpected '\(peek().map { String($0) } ?? "")'")
    }
    if "([{".contains(symbol) { depth += 1 }
    if ")]}".contains(symbol) { depth = max(0, depth - 1) }
    tokens.append((.symbol(symbol), line))
    advance(symbol.unicodeScalars.count)
  }
}
