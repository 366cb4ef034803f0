/// Expressions, from the loosest to the tightest: `… if … else …`, or, and, not, comparisons, `+ -`, `~`, `* / // %`,
/// signs, and what stands behind an operand: attributes, items, calls, filters, tests.
extension TemplateParser {
  private static let longestChain = 120

  private func node(_ kind: TemplateExpression.Kind, _ line: Int) -> TemplateExpression {
    TemplateExpression(kind: kind, line: line)
  }

  mutating func expression() throws(TemplateError) -> TemplateExpression {
    try nested { (parser) throws(TemplateError) in
      let line = parser.line
      let value = try parser.disjunction()
      guard parser.takeName("if") else { return value }
      let condition = try parser.disjunction()
      let otherwise = parser.takeName("else") ? try parser.expression() : nil
      return parser.node(.conditional(value, condition: condition, otherwise: otherwise), line)
    }
  }

  /// An expression, or several with commas between: a tuple.
  mutating func tuple() throws(TemplateError) -> TemplateExpression {
    let line = line
    let first = try expression()
    guard isSymbol(",") else { return first }
    var elements = [first]
    while take(","), token != .blockEnd, token != .outputEnd { elements.append(try expression()) }
    return node(.tuple(elements), line)
  }

  /// A chain of operands of one precedence, joined from the left.
  private mutating func chain(
    _ operand: (inout TemplateParser) throws(TemplateError) -> TemplateExpression,
    _ combine: (inout TemplateParser, TemplateExpression) throws(TemplateError) -> TemplateExpression?
  ) throws(TemplateError) -> TemplateExpression {
    var left = try operand(&self)
    var count = 0
    while let next = try combine(&self, left) {
      count += 1
      guard count <= Self.longestChain else { throw error("the expression is too long") }
      left = next
    }
    return left
  }

  mutating func disjunction() throws(TemplateError) -> TemplateExpression {
    try chain({ (p) throws(TemplateError) in try p.conjunction() }) { (p, left) throws(TemplateError) in
      let line = p.line
      return p.takeName("or") ? p.node(.or(left, try p.conjunction()), line) : nil
    }
  }

  private mutating func conjunction() throws(TemplateError) -> TemplateExpression {
    try chain({ (p) throws(TemplateError) in try p.negation() }) { (p, left) throws(TemplateError) in
      let line = p.line
      return p.takeName("and") ? p.node(.and(left, try p.negation()), line) : nil
    }
  }

  private mutating func negation() throws(TemplateError) -> TemplateExpression {
    let line = line
    guard takeName("not") else { return try comparison() }
    return try nested { (p) throws(TemplateError) in p.node(.not(try p.negation()), line) }
  }

  private mutating func comparison() throws(TemplateError) -> TemplateExpression {
    let line = line
    let first = try sum()
    var rest: [(TemplateComparison, TemplateExpression)] = []
    while let comparison = comparisonSign() {
      guard rest.count < Self.longestChain else { throw error("the expression is too long") }
      rest.append((comparison, try sum()))
    }
    return rest.isEmpty ? first : node(.comparison(first, rest), line)
  }

  private mutating func comparisonSign() -> TemplateComparison? {
    if case .symbol(let symbol) = token, let comparison = TemplateComparison(rawValue: symbol) {
      advance()
      return comparison
    }
    if takeName("in") { return .contained }
    if isName("not"), index + 1 < tokens.count, tokens[index + 1].token == .name("in") {
      advance()
      advance()
      return .notContained
    }
    return nil
  }

  private mutating func sum() throws(TemplateError) -> TemplateExpression {
    try chain({ (p) throws(TemplateError) in try p.concatenation() }) { (p, left) throws(TemplateError) in
      try p.arithmetic(left, ["+", "-"]) { (p) throws(TemplateError) in try p.concatenation() }
    }
  }

  private mutating func concatenation() throws(TemplateError) -> TemplateExpression {
    let line = line
    var operands = [try product()]
    while take("~") {
      guard operands.count < Self.longestChain else { throw error("the expression is too long") }
      operands.append(try product())
    }
    return operands.count == 1 ? operands[0] : node(.concatenation(operands), line)
  }

  private mutating func product() throws(TemplateError) -> TemplateExpression {
    try chain({ (p) throws(TemplateError) in try p.power() }) { (p, left) throws(TemplateError) in
      try p.arithmetic(left, ["*", "/", "//", "%"]) { (p) throws(TemplateError) in try p.power() }
    }
  }

  /// Joined from the left, unlike in Python.
  private mutating func power() throws(TemplateError) -> TemplateExpression {
    try chain({ (p) throws(TemplateError) in try p.signed() }) { (p, left) throws(TemplateError) in
      try p.arithmetic(left, ["**"]) { (p) throws(TemplateError) in try p.signed() }
    }
  }

  private mutating func arithmetic(
    _ left: TemplateExpression, _ signs: [String],
    _ operand: (inout TemplateParser) throws(TemplateError) -> TemplateExpression
  ) throws(TemplateError) -> TemplateExpression? {
    guard case .symbol(let symbol) = token, signs.contains(symbol), let sign = TemplateOperator(rawValue: symbol) else {
      return nil
    }
    let line = line
    advance()
    return node(.arithmetic(left, sign, try operand(&self)), line)
  }

  private mutating func signed(withFilters: Bool = true) throws(TemplateError) -> TemplateExpression {
    let line = line
    var value: TemplateExpression
    if isSymbol("-") || isSymbol("+") {
      let isNegative = isSymbol("-")
      advance()
      value = try nested { (p) throws(TemplateError) in
        let operand = try p.signed(withFilters: false)
        return isNegative ? p.node(.negated(operand), line) : operand
      }
    } else {
      value = try primary()
    }
    value = try postfix(value)
    if withFilters { value = try filtersAndTests(value) }
    return value
  }

  private mutating func primary() throws(TemplateError) -> TemplateExpression {
    let line = line
    switch token {
    case .name(let name):
      advance()
      namesRead.insert(name)
      switch name {
      case "true", "True": return node(.literal(.boolean(true)), line)
      case "false", "False": return node(.literal(.boolean(false)), line)
      case "none", "None": return node(.literal(.none), line)
      default: return node(.name(name), line)
      }
    case .integer(let value):
      advance()
      return node(.literal(.integer(value)), line)
    case .number(let value):
      advance()
      return node(.literal(.number(value)), line)
    case .string(var text):
      advance()
      while case .string(let more) = token {
        text += more
        advance()
      }
      return node(.literal(.string(text)), line)
    case .symbol("("):
      advance()
      if take(")") { return node(.tuple([]), line) }
      let first = try expression()
      guard isSymbol(",") else {
        try expect(")")
        return first
      }
      var elements = [first]
      while take(","), !isSymbol(")") { elements.append(try expression()) }
      try expect(")")
      return node(.tuple(elements), line)
    case .symbol("["):
      advance()
      var elements: [TemplateExpression] = []
      while !isSymbol("]") {
        elements.append(try expression())
        if !take(",") { break }
      }
      try expect("]")
      return node(.list(elements), line)
    case .symbol("{"):
      advance()
      var members: [(key: TemplateExpression, value: TemplateExpression)] = []
      while !isSymbol("}") {
        let key = try expression()
        try expect(":")
        members.append((key, try expression()))
        if !take(",") { break }
      }
      try expect("}")
      return node(.dictionary(members), line)
    default: throw error("expected an expression")
    }
  }

  private mutating func postfix(_ operand: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    try chain({ (_) throws(TemplateError) in operand }) { (p, value) throws(TemplateError) in
      let line = p.line
      if p.take(".") {
        if case .integer(let index) = p.token {
          p.advance()
          return p.node(.item(value, p.node(.literal(.integer(index)), line)), line)
        }
        return p.node(.attribute(value, try p.name()), line)
      }
      if p.take("[") { return try p.item(of: value, line) }
      if p.isSymbol("(") { return p.node(.call(value, try p.arguments()), line) }
      return nil
    }
  }

  private mutating func item(of value: TemplateExpression, _ line: Int) throws(TemplateError) -> TemplateExpression {
    var bounds: [TemplateExpression?] = [nil]
    var isSlice = false
    while !isSymbol("]") {
      if take(":") {
        isSlice = true
        bounds.append(nil)
        guard bounds.count <= 3 else { throw error("a slice has three parts at most") }
      } else {
        bounds[bounds.count - 1] = try expression()
        if !isSymbol(":") && !isSymbol("]") { throw error("expected ']'") }
      }
    }
    try expect("]")
    if isSlice {
      let step = bounds.count > 2 ? bounds[2] : nil
      return node(.slice(value, from: bounds[0], to: bounds[1], step: step), line)
    }
    guard let index = bounds[0] else { throw error("expected an index") }
    return node(.item(value, index), line)
  }

  mutating func arguments() throws(TemplateError) -> TemplateArguments {
    try expect("(")
    var result = TemplateArguments()
    while !isSymbol(")") {
      if isSymbol("*") || isSymbol("**") {
        let isList = isSymbol("*")
        guard isList ? result.spreadList == nil && result.spreadDictionary == nil : result.spreadDictionary == nil
        else { throw error("'*' and '**' come once, in this order") }
        advance()
        let spread = try expression()
        if isList { result.spreadList = spread } else { result.spreadDictionary = spread }
      } else if case .name(let name) = token, index + 1 < tokens.count, tokens[index + 1].token == .symbol("=") {
        advance()
        advance()
        result.named.append((name, try expression()))
      } else {
        guard result.named.isEmpty, result.spreadList == nil, result.spreadDictionary == nil else {
          throw error("an argument without a name comes after one with a name")
        }
        result.positional.append(try expression())
      }
      if !take(",") { break }
    }
    try expect(")")
    return result
  }

  private mutating func filtersAndTests(_ operand: TemplateExpression) throws(TemplateError) -> TemplateExpression {
    try chain({ (_) throws(TemplateError) in operand }) { (p, value) throws(TemplateError) in
      let line = p.line
      if p.take("|") {
        return try p.filtered(value, line)
      }
      if p.takeName("is") { return try p.test(value, line) }
      if p.isSymbol("(") { return p.node(.call(value, try p.arguments()), line) }
      return nil
    }
  }

  private mutating func test(_ value: TemplateExpression, _ line: Int) throws(TemplateError) -> TemplateExpression {
    let isNegated = takeName("not")
    let name = try dottedName()
    var arguments = TemplateArguments()
    switch token {
    case .symbol("("): arguments = try self.arguments()
    case .name(let next) where !["else", "or", "and", "is", "if", "in", "not"].contains(next):
      arguments.positional = [try postfix(primary())]
    case .string, .integer, .number, .symbol("["), .symbol("{"): arguments.positional = [try postfix(primary())]
    default: break
    }
    return node(.test(value, name, arguments, isNegated: isNegated), line)
  }

  private mutating func dottedName() throws(TemplateError) -> String {
    var result = try name()
    while take(".") { result += ".\(try name())" }
    return result
  }

  /// The filter that is next, applied to a value.
  private mutating func filtered(
    _ value: TemplateExpression, _ line: Int
  ) throws(TemplateError) -> TemplateExpression {
    let name = try dottedName()
    let arguments = isSymbol("(") ? try arguments() : TemplateArguments()
    return node(.filter(value, name, arguments), line)
  }

  /// Filters of a block, with `|` between them.
  mutating func blockFilters() throws(TemplateError) -> TemplateExpression {
    let start = line
    var value = try filtered(node(.enclosedText, start), start)
    var count = 1
    while take("|") {
      count += 1
      guard count <= Self.longestChain else { throw error("the expression is too long") }
      value = try filtered(value, line)
    }
    return value
  }
}
