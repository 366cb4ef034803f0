internal import AloraSystem

/// One run of a template: its variables, its output, and what it has used of its limits.
struct TemplateRun {
  /// Limits of a template's run, far above what chat templates need.
  struct Limits: Sendable {
    var steps = 2_000_000
    var outputByteCount = 1 << 24
    var depth = 300
    var elementCount = 100_000
    /// The number of values within one value, at any depth, and their depth.
    var valueCount = 500_000
    var valueDepth = 160
  }

  /// A loop's statement, and where it is.
  private struct Loop {
    let target: TemplateTarget
    let filter: TemplateExpression?
    let body: [TemplateStatement]
    let otherwise: [TemplateStatement]
  }

  private struct LoopState {
    /// Nil for a loop that is not recursive.
    let loop: (statement: Loop, home: TemplateScope)?
    let depth0: Int
    var lastValues: [TemplateValue]?
  }

  private enum Flow { case goOn, leaveLoop, nextTurn }

  let limits: Limits
  let date: TemplateDate?
  private(set) var output = ""
  private var outputByteCount = 0
  private var steps = 0
  private var depth = 0
  /// The innermost scope.
  private var scope: TemplateScope
  var namespaces: [TemplateDictionary] = []
  /// Each macro, with the scope that defines it and whose variables it reads.
  private var macros: [(macro: TemplateMacro, home: TemplateScope)] = []
  /// The values that each generator still has; nil if unknown.
  var generators: [[TemplateValue]?] = []
  /// Each `cycler` with its items and the place of its next one, each `joiner` with its separator until it was used.
  var cyclers: [(items: [TemplateValue], position: Int)] = []
  var joiners: [(separator: TemplateValue, isUsed: Bool)] = []
  /// Each loop, for what it calls itself with and what `loop.changed` saw last.
  private var loops: [LoopState] = []
  /// What the block around it encloses, while its filters run.
  var enclosedText: TemplateValue = .string("")

  init(variables: [String: TemplateValue], date: TemplateDate?, limits: Limits) {
    scope = TemplateScope(variables)
    self.date = date
    self.limits = limits
  }

  func failure(_ line: Int, _ problem: String) -> TemplateError {
    TemplateError(.templateFailed, place: "line \(line)", problem: problem)
  }

  /// Counts `cost` steps of work.
  mutating func step(_ line: Int, cost: Int = 1) throws(TemplateError) {
    steps += max(cost, 1)
    guard steps <= limits.steps else { throw failure(line, "the template runs too long") }
  }

  /// Counts the work of scanning a text.
  mutating func scan(_ text: String, _ line: Int) throws(TemplateError) {
    try step(line, cost: text.utf8.count / 16)
  }

  mutating func nested<Result>(
    _ line: Int, _ body: (inout TemplateRun) throws(TemplateError) -> Result
  ) throws(TemplateError) -> Result {
    depth += 1
    defer { depth -= 1 }
    guard depth <= limits.depth else { throw failure(line, "the template calls itself too deeply") }
    return try body(&self)
  }

  /// Checks a text against the limits.
  mutating func checked(_ text: String, _ line: Int) throws(TemplateError) -> TemplateValue {
    let count = text.utf8.count
    guard count <= limits.outputByteCount else { throw failure(line, "the template's output is too long") }
    try step(line, cost: count / 64)
    return .string(text)
  }

  mutating func checked(_ bounded: BoundedText, _ line: Int) throws(TemplateError) -> TemplateValue {
    guard let text = bounded.text else { throw failure(line, "the template makes too long a text") }
    return try checked(text, line)
  }

  /// Checks a value against the limits. Lists that contain the same list twice, over many levels, are small in memory but
  /// practically endless to write or compare.
  mutating func measured(_ value: TemplateValue, _ line: Int) throws(TemplateError) -> TemplateValue {
    guard value.isContainer else { return value }
    var (count, byteCount) = (0, 0)
    guard value.measure(limits, depth: 0, &count, &byteCount) else { throw failure(line, "a value becomes too large") }
    try step(line, cost: count / 4 + byteCount / 256)
    return value
  }

  /// Python's `str` of a value.
  /// - Throws: `templateFailed` for functions, generators and other values whose text contains an address.
  func text(of value: TemplateValue, _ line: Int) throws(TemplateError) -> String {
    guard value.hasText else {
      throw failure(
        line, "a value of type \(value.typeName) can't be written as text here ('|list' makes a list of a generator)")
    }
    return value.text
  }

  func texts(of values: [TemplateValue], _ line: Int) throws(TemplateError) -> [String] {
    var result: [String] = []
    for value in values { result.append(try text(of: value, line)) }
    return result
  }

  mutating func write(_ text: String, _ line: Int) throws(TemplateError) {
    outputByteCount += text.utf8.count
    guard outputByteCount <= limits.outputByteCount else { throw failure(line, "the template's output is too long") }
    output += text
  }

  // MARK: - Variables

  /// The number of scopes that a name is searched for in.
  var scopeCount: Int { scope.depth }

  func variable(_ name: String) -> TemplateValue {
    if let value = scope.variable(name) { return value }
    return TemplateFunction(rawValue: name).map { .function($0) } ?? .undefined(name)
  }

  /// Runs `body` in a scope of its own.
  private mutating func scoped<Result>(
    _ body: (inout TemplateRun) throws(TemplateError) -> Result
  ) throws(TemplateError) -> Result {
    let outer = scope
    scope = TemplateScope(outer: outer)
    defer { scope = outer }
    return try body(&self)
  }

  private mutating func assign(_ target: TemplateTarget, _ value: TemplateValue, _ line: Int) throws(TemplateError) {
    switch target {
    case .name(let name): scope.variables[name] = value
    case .names(let names):
      let elements = try iterated(value, line)
      guard elements.count == names.count else {
        throw failure(line, "\(names.count) names need a list of \(names.count) values")
      }
      for (name, element) in zip(names, elements) { scope.variables[name] = element }
    case .attribute(let name, let attribute):
      guard case .namespace(let index) = variable(name) else {
        throw failure(line, "only attributes of a namespace can be set, and '\(name)' isn't a namespace")
      }
      guard namespaces[index].count < limits.elementCount else { throw failure(line, "a namespace becomes too large") }
      namespaces[index][attribute] = value
    }
  }

  // MARK: - Statements

  mutating func run(_ statements: [TemplateStatement]) throws(TemplateError) { _ = try execute(statements) }

  private mutating func execute(_ statements: [TemplateStatement]) throws(TemplateError) -> Flow {
    for statement in statements {
      let flow = try execute(statement)
      if flow != .goOn { return flow }
    }
    return .goOn
  }

  private mutating func execute(_ statement: TemplateStatement) throws(TemplateError) -> Flow {
    let line = statement.line
    try step(line)
    switch statement.kind {
    case .text(let text): try write(text, line)
    case .output(let expression):
      let value = try value(of: expression)
      try write(try text(of: value, line), line)
    case .condition(let branches, let otherwise):
      for branch in branches where try value(of: branch.condition).isTrue {
        return try nested(line) { (run) throws(TemplateError) in try run.execute(branch.body) }
      }
      return try nested(line) { (run) throws(TemplateError) in try run.execute(otherwise) }
    case .loop(let target, let sequence, let filter, let body, let otherwise, let isRecursive):
      let loop = Loop(target: target, filter: filter, body: body, otherwise: otherwise)
      return try nested(line) { (run) throws(TemplateError) in
        let value = try run.value(of: sequence)
        let state = LoopState(loop: isRecursive ? (loop, run.scope) : nil, depth0: 0)
        return try run.loop(loop, over: value, state, line)
      }
    case .set(let target, let expression): try assign(target, try value(of: expression), line)
    case .setBlock(let target, let body, let filtered):
      try assign(target, try self.filtered(body, by: filtered, line), line)
    case .filterBlock(let body, let filtered):
      try write(try text(of: try self.filtered(body, by: filtered, line), line), line)
    case .callBlock(let macro, let call):
      macros.append((macro: macro, home: scope))
      let value = try value(ofCall: call, caller: .macro(macros.count - 1))
      try write(try text(of: value, line), line)
    case .with(let variables, let body):
      var values: [TemplateValue] = []
      for (_, expression) in variables { values.append(try value(of: expression)) }
      return try nested(line) { (run) throws(TemplateError) in
        try run.scoped { (run) throws(TemplateError) in
          for (variable, value) in zip(variables, values) { try run.assign(variable.target, value, line) }
          return try run.execute(body)
        }
      }
    case .block(let body):
      return try nested(line) { (run) throws(TemplateError) in
        // A block reads the template's variables only, none of the loops around it.
        let outer = run.scope
        run.scope = TemplateScope(outer: outer.outermost)
        defer { run.scope = outer }
        return try run.execute(body)
      }
    case .autoescape(let condition, let body):
      guard try !value(of: condition).isTrue else { throw failure(line, "automatic escaping is not supported") }
      return try nested(line) { (run) throws(TemplateError) in
        try run.scoped { (run) throws(TemplateError) in try run.execute(body) }
      }
    case .unsupported(let name):
      throw failure(line, "'\(name)' needs other templates, and a chat template has none")
    case .macro(let macro):
      macros.append((macro: macro, home: scope))
      scope.variables[macro.name] = .macro(macros.count - 1)
    case .generation(let body):
      return try nested(line) { (run) throws(TemplateError) in
        try run.scoped { (run) throws(TemplateError) in try run.execute(body) }
      }
    case .breakLoop: return .leaveLoop
    case .continueLoop: return .nextTurn
    }
    return .goOn
  }

  /// What a `filter` block or a `set` block makes of what it encloses.
  private mutating func filtered(
    _ body: [TemplateStatement], by filters: TemplateExpression, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    let outer = enclosedText
    defer { enclosedText = outer }
    enclosedText = try captured(line) { (run) throws(TemplateError) in try run.run(body) }
    return try value(of: filters)
  }

  /// Calls a recursive loop with other elements: the text that it writes.
  mutating func callLoop(
    _ loop: TemplateLoop, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    guard let (statement, home) = loops[loop.number].loop else {
      throw failure(line, "only a loop that is 'recursive' can be called")
    }
    try check(arguments, of: "loop", 1...1, line)
    return try captured(within: home, line) { (run) throws(TemplateError) in
      let state = LoopState(loop: (statement, home), depth0: loop.depth0 + 1)
      _ = try run.loop(statement, over: arguments.positional[0], state, line)
    }
  }

  /// Whether `loop.changed` is called with other values than the last time.
  mutating func hasChanged(_ loop: TemplateLoop, _ values: [TemplateValue]) -> Bool {
    let last = loops[loop.number].lastValues
    loops[loop.number].lastValues = values
    guard let last else { return true }
    return !TemplateValue.tuple(last).isEqual(to: .tuple(values))
  }

  private mutating func loop(
    _ loop: Loop, over value: TemplateValue, _ state: LoopState, _ line: Int
  ) throws(TemplateError) -> Flow {
    let (target, filter, body, otherwise) = (loop.target, loop.filter, loop.body, loop.otherwise)
    guard loops.count < limits.valueCount else { throw failure(line, "too many loops") }
    loops.append(state)
    let number = loops.count - 1
    var elements = try iterated(value, line)
    if let filter {
      var kept: [TemplateValue] = []
      for element in elements {
        let isKept = try scoped { (run) throws(TemplateError) -> Bool in
          try run.assign(target, element, line)
          return try run.value(of: filter).isTrue
        }
        if isKept { kept.append(element) }
      }
      elements = kept
    }
    var reachesEnd = false
    for (index, element) in elements.enumerated() {
      try step(line)
      let itself = TemplateLoop(
        number: number, depth0: state.depth0, index0: index, count: elements.count,
        previous: index > 0 ? elements[index - 1] : .undefined("previtem"),
        next: index + 1 < elements.count ? elements[index + 1] : .undefined("nextitem"))
      let flow = try scoped { (run) throws(TemplateError) -> Flow in
        try run.assign(target, element, line)
        run.scope.variables["loop"] = .loop(itself)
        return try run.execute(body)
      }
      if flow == .goOn { reachesEnd = true }
      if flow == .leaveLoop {
        // How much of it was looked at depends on what the loop asked about itself.
        if case .generator(let number) = value, filter != nil || index + 1 < elements.count { generators[number] = nil }
        break
      }
    }
    // Jinja's rule: `else` runs unless the body came to its end once.
    if reachesEnd { return .goOn }
    return try scoped { (run) throws(TemplateError) -> Flow in try run.execute(otherwise) }
  }

  /// Runs `body` in a scope of its own and takes what it writes.
  private mutating func captured(
    within outer: TemplateScope? = nil, _ line: Int, _ body: (inout TemplateRun) throws(TemplateError) -> Void
  ) throws(TemplateError) -> TemplateValue {
    let (before, count, inner) = (output, outputByteCount, scope)
    output = ""
    scope = TemplateScope(outer: outer ?? inner)
    defer {
      output = before
      outputByteCount = count
      scope = inner
    }
    try nested(line, body)
    return try checked(output, line)
  }

  /// Calls a macro. It sees its parameters and the variables of the place that defines it, but none of the caller's.
  mutating func callMacro(
    _ number: Int, _ positional: [TemplateValue], _ named: [(name: String, value: TemplateValue)], _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    let (macro, home) = macros[number]
    guard positional.count <= macro.parameters.count || macro.readsVarargs else {
      throw failure(line, "the macro '\(macro.name)' takes \(macro.parameters.count) arguments at most")
    }
    for (name, _) in named {
      guard let place = macro.parameters.firstIndex(where: { $0.name == name }) else {
        if name == "caller" ? macro.readsCaller : macro.readsKwargs { continue }
        throw failure(line, "the macro '\(macro.name)' has no parameter '\(name)'")
      }
      guard place >= positional.count else { throw failure(line, "the macro '\(macro.name)' is given '\(name)' twice") }
    }
    return try captured(within: home, line) { (run) throws(TemplateError) in
      // A default sees what was given and the defaults before it; `n=n` reads the parameter.
      var defaults: [(name: String, value: TemplateExpression)] = []
      for (index, parameter) in macro.parameters.enumerated() {
        let given =
          index < positional.count ? positional[index] : named.first(where: { $0.name == parameter.name })?.value
        try run.assign(.name(parameter.name), given ?? .undefined(parameter.name), line)
        if given == nil, let expression = parameter.value { defaults.append((parameter.name, expression)) }
      }
      if macro.readsVarargs {
        try run.assign(.name("varargs"), .tuple(Array(positional.dropFirst(macro.parameters.count))), line)
      }
      let isParameter = { (name: String) in macro.parameters.contains { $0.name == name } }
      if macro.readsKwargs {
        var rest = TemplateDictionary()
        for (name, value) in named where !isParameter(name) && name != "caller" { rest[name] = value }
        try run.assign(.name("kwargs"), .dictionary(rest), line)
      }
      if macro.readsCaller, !isParameter("caller") {
        let caller = named.first { $0.name == "caller" }?.value
        try run.assign(.name("caller"), caller ?? .undefined("caller"), line)
      }
      for (name, expression) in defaults { try run.assign(.name(name), try run.value(of: expression), line) }
      try run.run(macro.body)
    }
  }

  /// The elements that a loop over the value takes.
  mutating func iterated(_ value: TemplateValue, _ line: Int) throws(TemplateError) -> [TemplateValue] {
    let elements: [TemplateValue]
    switch value.plain {
    case .undefined: elements = []
    case .list(let list), .tuple(let list): elements = list
    case .generator(let number):
      elements = try rest(of: number, line)
      generators[number] = []
    case .dictionary(let members): elements = members.keys
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

/// A scope's variables, and the scope around it. Macros keep theirs, so it is an object.
final class TemplateScope {
  var variables: [String: TemplateValue]
  private let outer: TemplateScope?
  /// How many scopes there are from the outermost to this one.
  let depth: Int

  init(_ variables: [String: TemplateValue] = [:], outer: TemplateScope? = nil) {
    self.variables = variables
    self.outer = outer
    depth = (outer?.depth ?? 0) + 1
  }

  /// The scope around all the others.
  var outermost: TemplateScope {
    var scope = self
    while let outer = scope.outer { scope = outer }
    return scope
  }

  func variable(_ name: String) -> TemplateValue? {
    var scope: TemplateScope? = self
    while let current = scope {
      if let value = current.variables[name] { return value }
      scope = current.outer
    }
    return nil
  }
}
