/// Parses the statements of a template. What the subset does not have is refused by name.
///
/// Source: `parser.py` of Jinja 3.1.
struct TemplateParser {
  var tokens: [TemplateLexer.Located]
  var index = 0
  private var depth = 0
  /// Whether `break` and `continue` have a loop to act on.
  private var isInLoop = false

  /// Deeper nesting is refused: parsing and rendering recurse.
  static let deepestNesting = 100

  /// - Throws: `invalidTemplate`, `tooLarge`.
  static func statements(of template: String) throws(TemplateError) -> [TemplateStatement] {
    var parser = TemplateParser(tokens: try TemplateLexer.tokens(of: template))
    let (body, _) = try parser.body(until: [])
    return body
  }

  private init(tokens: [TemplateLexer.Located]) { self.tokens = tokens }

  var token: TemplateLexer.Token { tokens[index].token }
  var line: Int { tokens[index].line }

  func error(_ problem: String) -> TemplateError {
    TemplateError(.invalidTemplate, place: "line \(line)", problem: problem)
  }

  mutating func advance() { if index + 1 < tokens.count { index += 1 } }

  func isSymbol(_ symbol: String) -> Bool { token == .symbol(symbol) }
  func isName(_ name: String) -> Bool { token == .name(name) }

  mutating func take(_ symbol: String) -> Bool {
    guard isSymbol(symbol) else { return false }
    advance()
    return true
  }

  mutating func takeName(_ name: String) -> Bool {
    guard isName(name) else { return false }
    advance()
    return true
  }

  mutating func expect(_ symbol: String) throws(TemplateError) {
    guard take(symbol) else { throw error("expected '\(symbol)'") }
  }

  mutating func name() throws(TemplateError) -> String {
    guard case .name(let name) = token else { throw error("expected a name") }
    advance()
    return name
  }

  mutating func nested<Result>(
    _ body: (inout TemplateParser) throws(TemplateError) -> Result
  ) throws(TemplateError) -> Result {
    depth += 1
    defer { depth -= 1 }
    guard depth <= Self.deepestNesting else { throw error("the template nests too deeply") }
    return try body(&self)
  }

  private mutating func endBlock() throws(TemplateError) {
    guard token == .blockEnd else { throw error("expected the end of the tag") }
    advance()
  }

  /// The statements up to a block that begins with one of `ends`; its name is taken.
  private mutating func body(until ends: Set<String>) throws(TemplateError) -> ([TemplateStatement], end: String) {
    try nested { (parser) throws(TemplateError) in
      var statements: [TemplateStatement] = []
      let start = parser.line
      while true {
        let line = parser.line
        switch parser.token {
        case .text(let text):
          parser.advance()
          statements.append(TemplateStatement(kind: .text(text), line: line))
        case .outputStart:
          parser.advance()
          let expression = try parser.tuple()
          guard parser.token == .outputEnd else { throw parser.error("expected '}}'") }
          parser.advance()
          statements.append(TemplateStatement(kind: .output(expression), line: line))
        case .blockStart:
          parser.advance()
          let name = try parser.name()
          if ends.contains(name) { return (statements, name) }
          if let kind = try parser.statement(name) { statements.append(TemplateStatement(kind: kind, line: line)) }
        case .end:
          guard ends.isEmpty else {
            throw TemplateError(
              .invalidTemplate, place: "line \(start)",
              problem: "the block has no \(ends.sorted().joined(separator: " or "))")
          }
          return (statements, "")
        default: throw parser.error("unexpected end of a tag")
        }
      }
    }
  }

  private mutating func body(
    until ends: Set<String>, inLoop: Bool
  ) throws(TemplateError) -> ([TemplateStatement], end: String) {
    let before = isInLoop
    isInLoop = inLoop
    defer { isInLoop = before }
    return try body(until: ends)
  }

  private mutating func statement(_ name: String) throws(TemplateError) -> TemplateStatement.Kind? {
    switch name {
    case "if": return try condition()
    case "for": return try loop()
    case "set": return try assignment()
    case "macro": return try macro()
    case "break", "continue":
      guard isInLoop else { throw error("'\(name)' is outside a loop, or in a block within one") }
      try endBlock()
      return name == "break" ? .breakLoop : .continueLoop
    case "generation":
      try endBlock()
      let (statements, _) = try body(until: ["endgeneration"], inLoop: false)
      try endBlock()
      return .generation(statements)
    case "elif", "else", "endif", "endfor", "endset", "endmacro", "endgeneration":
      throw error("'\(name)' stands without its beginning")
    default: throw error("the statement '\(name)' is not supported")
    }
  }

  private mutating func condition() throws(TemplateError) -> TemplateStatement.Kind {
    var branches: [(condition: TemplateExpression, body: [TemplateStatement])] = []
    while true {
      let condition = try expression()
      try endBlock()
      let (statements, end) = try body(until: ["elif", "else", "endif"])
      branches.append((condition, statements))
      if end == "elif" { continue }
      try endBlock()
      guard end == "else" else { return .condition(branches, otherwise: []) }
      let (otherwise, _) = try body(until: ["endif"])
      try endBlock()
      return .condition(branches, otherwise: otherwise)
    }
  }

  private mutating func loop() throws(TemplateError) -> TemplateStatement.Kind {
    let target = try target(allowsAttribute: false)
    guard takeName("in") else { throw error("expected 'in'") }
    let sequence = try sequence()
    let filter = takeName("if") ? try expression() : nil
    if isName("recursive") { throw error("recursive loops are not supported") }
    try endBlock()
    let (statements, end) = try body(until: ["else", "endfor"], inLoop: true)
    try endBlock()
    guard end == "else" else { return .loop(target, sequence, filter: filter, body: statements, otherwise: []) }
    let (otherwise, _) = try body(until: ["endfor"])
    try endBlock()
    return .loop(target, sequence, filter: filter, body: statements, otherwise: otherwise)
  }

  /// What a loop goes over: several operands with commas between are a tuple.
  private mutating func sequence() throws(TemplateError) -> TemplateExpression {
    let line = line
    let first = try disjunction()
    guard isSymbol(",") else { return first }
    var elements = [first]
    while take(","), token != .blockEnd { elements.append(try disjunction()) }
    return TemplateExpression(kind: .tuple(elements), line: line)
  }

  private mutating func target(allowsAttribute: Bool) throws(TemplateError) -> TemplateTarget {
    let parenthesized = take("(")
    let first = try name()
    if allowsAttribute, !parenthesized, take(".") { return .attribute(first, try name()) }
    var names = [first]
    while take(",") {
      if parenthesized, isSymbol(")") { break }
      names.append(try name())
    }
    if parenthesized { try expect(")") }
    return names.count == 1 ? .name(first) : .names(names)
  }

  private mutating func assignment() throws(TemplateError) -> TemplateStatement.Kind {
    let target = try target(allowsAttribute: true)
    if take("=") {
      let value = try tuple()
      try endBlock()
      return .set(target, value)
    }
    guard token == .blockEnd else { throw error("filters in a 'set' block are not supported") }
    try endBlock()
    let (statements, _) = try body(until: ["endset"], inLoop: false)
    try endBlock()
    return .setBlock(target, statements)
  }

  private mutating func macro() throws(TemplateError) -> TemplateStatement.Kind {
    let name = try name()
    try expect("(")
    var parameters: [(name: String, value: TemplateExpression?)] = []
    while !isSymbol(")") {
      let parameter = try self.name()
      parameters.append((parameter, take("=") ? try expression() : nil))
      if !take(",") { break }
    }
    try expect(")")
    try endBlock()
    let (statements, _) = try body(until: ["endmacro"], inLoop: false)
    try endBlock()
    return .macro(TemplateMacro(name: name, parameters: parameters, body: statements))
  }
}
