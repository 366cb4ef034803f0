internal import AloraSystem

/// Parses the statements of a template. What needs other templates fails where it is reached.
///
/// Source: `parser.py` of Jinja 3.1.
struct TemplateParser {
  var tokens: [TemplateLexer.Located]
  var index = 0
  private var depth = 0
  /// Whether `break` and `continue` have a loop to act on.
  private var isInLoop = false
  /// The names that expressions of the innermost macro read.
  var namesRead: Set<String> = []

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
    case "print":
      let expression = try tuple()
      try endBlock()
      return .output(expression)
    case "filter":
      let filtered = try blockFilters()
      try endBlock()
      let (statements, _) = try body(until: ["endfilter"], inLoop: false)
      try endBlock()
      return .filterBlock(statements, filtered: filtered)
    case "with": return try with()
    case "call": return try callBlock()
    case "block":
      let name = try self.name()
      while takeName("scoped") || takeName("required") {}
      try endBlock()
      let (statements, _) = try body(until: ["endblock"], inLoop: false)
      _ = takeName(name)
      try endBlock()
      return .block(statements)
    case "autoescape":
      let condition = try expression()
      try endBlock()
      let (statements, _) = try body(until: ["endautoescape"], inLoop: false)
      try endBlock()
      return .autoescape(condition, statements)
    case "include", "import", "from", "extends":
      while token != .blockEnd, token != .end { advance() }
      try endBlock()
      return .unsupported(name)
    case "elif", "else", "endif", "endfor", "endset", "endmacro", "endgeneration", "endfilter", "endwith", "endcall",
      "endblock", "endautoescape":
      throw error("'\(name)' comes without its beginning")
    // Jinja refuses it, too: nobody knows where such a block ends.
    default: throw error("the tag '\(name)' is not one of Jinja's")
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
    let isRecursive = takeName("recursive")
    try endBlock()
    let (statements, end) = try body(until: ["else", "endfor"], inLoop: true)
    try endBlock()
    guard end == "else" else {
      return .loop(target, sequence, filter: filter, body: statements, otherwise: [], isRecursive: isRecursive)
    }
    let (otherwise, _) = try body(until: ["endfor"])
    try endBlock()
    return .loop(target, sequence, filter: filter, body: statements, otherwise: otherwise, isRecursive: isRecursive)
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
    let filtered = take("|") ? try blockFilters() : TemplateExpression(kind: .enclosedText, line: line)
    try endBlock()
    let (statements, _) = try body(until: ["endset"], inLoop: false)
    try endBlock()
    return .setBlock(target, statements, filtered: filtered)
  }

  private mutating func macro() throws(TemplateError) -> TemplateStatement.Kind {
    let name = try name()
    return .macro(try macro(named: name, parameters: try parameters(), until: "endmacro"))
  }

  private mutating func parameters() throws(TemplateError) -> [(name: String, value: TemplateExpression?)] {
    try expect("(")
    var parameters: [(name: String, value: TemplateExpression?)] = []
    while !isSymbol(")") {
      let parameter = try self.name()
      let value = take("=") ? try expression() : nil
      guard value != nil || parameters.last?.value == nil else {
        throw error("a parameter without a default comes after one with a default")
      }
      parameters.append((parameter, value))
      if !take(",") { break }
    }
    try expect(")")
    return parameters
  }

  /// A macro's body, after its parameters.
  private mutating func macro(
    named name: String, parameters: [(name: String, value: TemplateExpression?)], until end: String
  ) throws(TemplateError) -> TemplateMacro {
    try endBlock()
    let before = namesRead
    namesRead = []
    let (statements, _) = try body(until: [end], inLoop: false)
    try endBlock()
    let read = namesRead
    namesRead.formUnion(before)
    return TemplateMacro(
      name: name, parameters: parameters, body: statements, readsVarargs: read.contains("varargs"),
      readsKwargs: read.contains("kwargs"), readsCaller: read.contains("caller"))
  }

  private mutating func callBlock() throws(TemplateError) -> TemplateStatement.Kind {
    let parameters = isSymbol("(") ? try parameters() : []
    let call = try expression()
    guard case .call = call.kind else { throw error("'call' takes a call") }
    return .callBlock(try macro(named: "caller", parameters: parameters, until: "endcall"), call)
  }

  private mutating func with() throws(TemplateError) -> TemplateStatement.Kind {
    var variables: [(target: TemplateTarget, value: TemplateExpression)] = []
    while token != .blockEnd {
      if !variables.isEmpty { try expect(",") }
      let target = try singleTarget()
      try expect("=")
      variables.append((target, try expression()))
    }
    try endBlock()
    let (statements, _) = try body(until: ["endwith"], inLoop: false)
    try endBlock()
    return .with(variables, statements)
  }

  private mutating func singleTarget() throws(TemplateError) -> TemplateTarget {
    if isSymbol("(") { return try target(allowsAttribute: false) }
    return .name(try name())
  }
}
