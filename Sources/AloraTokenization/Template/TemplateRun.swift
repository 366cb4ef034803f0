/// One run of a template: its variables, its output, and what it has used of its limits.
struct TemplateRun {
  /// What a template may use. The numbers are far above what chat templates need.
  struct Limits: Sendable {
    var steps = 2_000_000
    var outputByteCount = 1 << 24
    var depth = 300
    var elementCount = 100_000
    /// How many values one value holds, at any depth, and how deep.
    var valueCount = 500_000
    var valueDepth = 160
  }

  private enum Flow { case goOn, leaveLoop, nextTurn }

  let limits: Limits
  let date: TemplateDate?
  private(set) var output = ""
  private var outputByteCount = 0
  private var steps = 0
  private var depth = 0
  /// The variables, the innermost scope last.
  private var scopes: [[String: TemplateValue]]
  var namespaces: [TemplateDictionary] = []
  var macros: [TemplateMacro] = []

  init(variables: [String: TemplateValue], date: TemplateDate?, limits: Limits) {
    scopes = [variables]
    self.date = date
    self.limits = limits
  }

  func failure(_ line: Int, _ problem: String) -> TokenizationError {
    TokenizationError(.templateFailed, place: "line \(line)", problem: problem)
  }

  /// Counts a step of work, `cost` times.
  mutating func step(_ line: Int, cost: Int = 1) throws(TokenizationError) {
    steps += max(cost, 1)
    guard steps <= limits.steps else { throw failure(line, "the template does not come to an end") }
  }

  /// Counts the work of looking through a text.
  mutating func scan(_ text: String, _ line: Int) throws(TokenizationError) {
    try step(line, cost: text.utf8.count / 16)
  }

  mutating func nested<Result>(
    _ line: Int, _ body: (inout TemplateRun) throws(TokenizationError) -> Result
  ) throws(TokenizationError) -> Result {
    depth += 1
    defer { depth -= 1 }
    guard depth <= limits.depth else { throw failure(line, "the template calls itself too deeply") }
    return try body(&self)
  }

  /// Makes sure that a text stays within what a template may make.
  mutating func checked(_ text: String, _ line: Int) throws(TokenizationError) -> TemplateValue {
    let count = text.utf8.count
    guard count <= limits.outputByteCount else { throw failure(line, "the template makes too long a text") }
    try step(line, cost: count / 64)
    return .string(text)
  }

  /// Makes sure that a value stays within what a template may make: lists that hold a list twice, again and again, are
  /// small in memory and endless to write or to compare.
  mutating func measured(_ value: TemplateValue, _ line: Int) throws(TokenizationError) -> TemplateValue {
    guard value.isContainer else { return value }
    var (count, byteCount) = (0, 0)
    guard value.measure(limits, depth: 0, &count, &byteCount) else { throw failure(line, "a value grows too large") }
    try step(line, cost: count / 4 + byteCount / 256)
    return value
  }

  mutating func write(_ text: String, _ line: Int) throws(TokenizationError) {
    outputByteCount += text.utf8.count
    guard outputByteCount <= limits.outputByteCount else { throw failure(line, "the template makes too long a text") }
    output += text
  }

  // MARK: - Variables

  /// How many places a name is looked for in.
  var scopeCount: Int { scopes.count }

  func variable(_ name: String) -> TemplateValue {
    for scope in scopes.reversed() { if let value = scope[name] { return value } }
    return TemplateFunction(rawValue: name).map { .function($0) } ?? .undefined(name)
  }

  private mutating func assign(_ target: TemplateTarget, _ value: TemplateValue, _ line: Int) throws(TokenizationError)
  {
    switch target {
    case .name(let name): scopes[scopes.count - 1][name] = value
    case .names(let names):
      guard let elements = value.elements, elements.count == names.count else {
        throw failure(line, "\(names.count) names take a list of as many values")
      }
      for (name, element) in zip(names, elements) { scopes[scopes.count - 1][name] = element }
    case .attribute(let name, let attribute):
      guard case .namespace(let index) = variable(name) else {
        throw failure(line, "only attributes of a namespace can be set, and '\(name)' is none")
      }
      guard namespaces[index].count < limits.elementCount else { throw failure(line, "a namespace grows too large") }
      namespaces[index][attribute] = value
    }
  }

  // MARK: - Statements

  mutating func run(_ statements: [TemplateStatement]) throws(TokenizationError) { _ = try execute(statements) }

  private mutating func execute(_ statements: [TemplateStatement]) throws(TokenizationError) -> Flow {
    for statement in statements {
      let flow = try execute(statement)
      if flow != .goOn { return flow }
    }
    return .goOn
  }

  private mutating func execute(_ statement: TemplateStatement) throws(TokenizationError) -> Flow {
    let line = statement.line
    try step(line)
    switch statement.kind {
    case .text(let text): try write(text, line)
    case .output(let expression): try write(try value(of: expression).text, line)
    case .condition(let branches, let otherwise):
      for branch in branches where try value(of: branch.condition).isTrue {
        return try nested(line) { (run) throws(TokenizationError) in try run.execute(branch.body) }
      }
      return try nested(line) { (run) throws(TokenizationError) in try run.execute(otherwise) }
    case .loop(let target, let sequence, let filter, let body, let otherwise):
      try nested(line) { (run) throws(TokenizationError) in
        try run.loop(target, sequence, filter, body, otherwise, line)
      }
    case .set(let target, let expression): try assign(target, try value(of: expression), line)
    case .setBlock(let target, let body):
      let text = try captured(line) { (run) throws(TokenizationError) in try run.run(body) }
      try assign(target, text, line)
    case .macro(let macro):
      macros.append(macro)
      scopes[scopes.count - 1][macro.name] = .macro(macros.count - 1)
    case .group(let body): return try nested(line) { (run) throws(TokenizationError) in try run.execute(body) }
    case .breakLoop: return .leaveLoop
    case .continueLoop: return .nextTurn
    }
    return .goOn
  }

  private mutating func loop(
    _ target: TemplateTarget, _ sequence: TemplateExpression, _ filter: TemplateExpression?,
    _ body: [TemplateStatement], _ otherwise: [TemplateStatement], _ line: Int
  ) throws(TokenizationError) {
    var elements = try iterated(try value(of: sequence), line)
    if let filter {
      var kept: [TemplateValue] = []
      for element in elements {
        scopes.append([:])
        defer { scopes.removeLast() }
        try assign(target, element, line)
        if try value(of: filter).isTrue { kept.append(element) }
      }
      elements = kept
    }
    guard !elements.isEmpty else {
      _ = try execute(otherwise)
      return
    }
    for (index, element) in elements.enumerated() {
      try step(line)
      scopes.append([:])
      defer { scopes.removeLast() }
      try assign(target, element, line)
      scopes[scopes.count - 1]["loop"] = .loop(
        TemplateLoop(
          index0: index, count: elements.count, previous: index > 0 ? elements[index - 1] : .undefined("previtem"),
          next: index + 1 < elements.count ? elements[index + 1] : .undefined("nextitem")))
      if try execute(body) == .leaveLoop { break }
    }
  }

  /// Runs `body` in a scope of its own and takes what it writes.
  mutating func captured(
    _ line: Int, _ body: (inout TemplateRun) throws(TokenizationError) -> Void
  ) throws(TokenizationError) -> TemplateValue {
    let before = output
    let count = outputByteCount
    output = ""
    defer {
      output = before
      outputByteCount = count
    }
    scopes.append([:])
    defer { scopes.removeLast() }
    try nested(line, body)
    return try checked(output, line)
  }

  /// Calls a macro: its parameters, the template's own variables, and nothing of the caller's.
  mutating func call(
    _ macro: TemplateMacro, _ positional: [TemplateValue], _ named: [(name: String, value: TemplateValue)], _ line: Int
  ) throws(TokenizationError) -> TemplateValue {
    guard positional.count <= macro.parameters.count else {
      throw failure(line, "the macro '\(macro.name)' takes \(macro.parameters.count) arguments at most")
    }
    for (name, _) in named where !macro.parameters.contains(where: { $0.name == name }) {
      throw failure(line, "the macro '\(macro.name)' has no parameter '\(name)'")
    }
    let callers = scopes
    scopes = [scopes[0]]
    defer { scopes = callers }
    return try captured(line) { (run) throws(TokenizationError) in
      for (index, parameter) in macro.parameters.enumerated() {
        let given =
          index < positional.count ? positional[index] : named.first(where: { $0.name == parameter.name })?.value
        var value = given ?? .undefined(parameter.name)
        if given == nil, let expression = parameter.value { value = try run.value(of: expression) }
        try run.assign(.name(parameter.name), value, line)
      }
      try run.run(macro.body)
    }
  }

  /// The elements that a loop over the value takes.
  mutating func iterated(_ value: TemplateValue, _ line: Int) throws(TokenizationError) -> [TemplateValue] {
    let elements: [TemplateValue]
    switch value {
    case .undefined: elements = []
    case .list(let list), .tuple(let list): elements = list
    case .dictionary(let members): elements = members.keys.map { .string($0) }
    case .string(let text):
      // Counted before a value is made of each.
      try step(line, cost: text.unicodeScalars.count)
      elements = text.unicodeScalars.map { .string(String($0)) }
    default: throw failure(line, "a value of type \(value.typeName) cannot be looped over")
    }
    try step(line, cost: elements.count)
    return elements
  }
}
