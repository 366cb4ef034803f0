extension TemplateRun {
  mutating func value(of expression: TemplateExpression) throws(TemplateError) -> TemplateValue {
    try step(expression.line)
    return try nested(expression.line) { (run) throws(TemplateError) in
      try run.evaluate(expression.kind, expression.line)
    }
  }

  private mutating func values(_ expressions: [TemplateExpression]) throws(TemplateError) -> [TemplateValue] {
    var result: [TemplateValue] = []
    for expression in expressions { result.append(try value(of: expression)) }
    return result
  }

  private mutating func evaluate(
    _ kind: TemplateExpression.Kind, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    switch kind {
    case .literal(let value): return value
    case .name(let name):
      try step(line, cost: scopeCount / 8)
      return variable(name)
    case .list(let elements): return try measured(.list(try values(elements)), line)
    case .tuple(let elements): return try measured(.tuple(try values(elements)), line)
    case .dictionary(let members):
      var dictionary = TemplateDictionary()
      for (key, member) in members {
        let name = try value(of: key)
        guard TemplateDictionary.isKey(name) else {
          throw failure(line, "a dictionary's keys are strings or whole numbers here")
        }
        dictionary[name] = try value(of: member)
      }
      return try measured(.dictionary(dictionary), line)
    // Operands first: a call on `self` would look at the run as it was before they ran.
    case .attribute(let operand, let name):
      let value = try value(of: operand)
      return try attribute(name, of: value, line)
    case .item(let operand, let index):
      let (value, index) = (try value(of: operand), try value(of: index))
      return try item(index, of: value, line)
    case .slice(let operand, let from, let to, let step):
      let bounds = try (bound(from, line), bound(to, line), bound(step, line))
      return try slice(try value(of: operand), from: bounds.0, to: bounds.1, step: bounds.2, line)
    case .call(let callee, let arguments): return try measured(try call(callee, arguments, line), line)
    case .enclosedText: return enclosedText
    case .filter(let operand, let name, let arguments):
      let filter = try filter(name, line)
      let value = try value(of: operand)
      if case .string(let text) = value.plain, filter.looksThroughTexts { try scan(text, line) }
      return try measured(try apply(filter, to: value, try evaluated(arguments), line), line)
    case .test(let operand, let name, let arguments, let isNegated):
      let test = try test(name, line)
      let holds = try self.test(test, try value(of: operand), try evaluated(arguments), line)
      return .boolean(holds != isNegated)
    case .not(let operand): return .boolean(!(try value(of: operand).isTrue))
    case .negated(let operand):
      let value = try value(of: operand)
      if let whole = value.whole, whole != .min { return .integer(-whole) }
      guard case .number(let number) = value else {
        throw failure(line, "'-' can't be applied to a value of type \(value.typeName)")
      }
      return .number(-number)
    case .and(let left, let right):
      let first = try value(of: left)
      return first.isTrue ? try value(of: right) : first
    case .or(let left, let right):
      let first = try value(of: left)
      return first.isTrue ? first : try value(of: right)
    case .arithmetic(let left, let sign, let right):
      return try arithmetic(try value(of: left), sign, try value(of: right), line)
    case .concatenation(let operands):
      return try joined(try values(operands), by: "", line)
    case .comparison(let first, let rest):
      var left = try value(of: first)
      for (comparison, operand) in rest {
        let right = try value(of: operand)
        guard try compare(left, comparison, right, line) else { return .boolean(false) }
        left = right
      }
      return .boolean(true)
    case .conditional(let then, let condition, let otherwise):
      if try value(of: condition).isTrue { return try value(of: then) }
      return try otherwise.map { (expression) throws(TemplateError) in try value(of: expression) }
        ?? .undefined("the value of an 'if' without 'else'")
    }
  }

  struct Arguments {
    var positional: [TemplateValue]
    var named: [(name: String, value: TemplateValue)]

    /// The argument at that place or of that name.
    func value(_ index: Int, _ name: String) -> TemplateValue? {
      index < positional.count ? positional[index] : named.first { $0.name == name }?.value
    }
  }

  private mutating func evaluated(_ arguments: TemplateArguments) throws(TemplateError) -> Arguments {
    var result = Arguments(positional: try values(arguments.positional), named: [])
    for (name, expression) in arguments.named { result.named.append((name, try value(of: expression))) }
    if let spread = arguments.spreadList {
      result.positional += try iterated(try value(of: spread), spread.line)
    }
    if let spread = arguments.spreadDictionary {
      guard case .dictionary(let members) = try value(of: spread) else {
        throw failure(spread.line, "'**' takes a dictionary")
      }
      for (key, value) in zip(members.keys, members.values) {
        guard case .string(let name) = key.plain, !result.named.contains(where: { $0.name == name }) else {
          throw failure(spread.line, "'**' takes names that are strings, each once")
        }
        try step(spread.line, cost: result.named.count / 4)
        result.named.append((name, value))
      }
    }
    return result
  }

  /// - Throws: `templateFailed` where a filter or test that does not exist is reached.
  func filter(_ name: String, _ line: Int) throws(TemplateError) -> TemplateFilter {
    guard let filter = TemplateFilter(rawValue: name) else {
      throw failure(line, "the filter '\(name)' does not exist")
    }
    return filter
  }

  func test(_ name: String, _ line: Int) throws(TemplateError) -> TemplateTest {
    guard let test = TemplateTest(rawValue: name) else { throw failure(line, "the test '\(name)' does not exist") }
    return test
  }

  /// Makes sure that a call has as many arguments as are understood, and none by a name that is not.
  ///
  /// - Parameter names: the parameters that can be given by name, in order.
  func check(
    _ arguments: Arguments, of callee: String, _ counts: ClosedRange<Int>, names: [String] = [], _ line: Int
  ) throws(TemplateError) {
    let count = arguments.positional.count
    guard counts.contains(count) else {
      let least = counts.lowerBound == counts.upperBound ? "" : "\(counts.lowerBound) to "
      throw failure(line, "'\(callee)' takes \(least)\(counts.upperBound) arguments here, not \(count)")
    }
    for (name, _) in arguments.named {
      guard let place = names.firstIndex(of: name) else {
        throw failure(line, "'\(callee)' takes no argument '\(name)' here")
      }
      guard place >= count else { throw failure(line, "'\(callee)' is given '\(name)' twice") }
    }
  }

  // MARK: - Parts of values

  func attribute(_ name: String, of value: TemplateValue, _ line: Int) throws(TemplateError) -> TemplateValue {
    switch value {
    case .markup(let text):
      if Self.stringMethods.contains(name) { return .method(value, name) }
      return try attribute(name, of: .string(text), line)
    case .group(let key, let elements):
      return name == "grouper" ? key : name == "list" ? .list(elements) : .undefined(name)
    case .cycler(let number):
      if name == "current" { return cyclers[number].items[cyclers[number].position] }
      return name == "next" || name == "reset" ? .method(value, name) : .undefined(name)
    case .undefined(let what): throw failure(line, "'\(what)' is undefined, and has no '\(name)'")
    case .namespace(let index): return namespaces[index][name] ?? .undefined(name)
    case .loop(let loop):
      guard let found = loop.attribute(name) else { throw failure(line, "'loop.\(name)' is not supported") }
      return found
    case .dictionary(let members):
      if Self.dictionaryMethods.contains(name) { return .method(value, name) }
      return members[name] ?? .undefined(name)
    case .string:
      if Self.stringMethods.contains(name) { return .method(value, name) }
      guard !Self.otherStringMethods.contains(name) else {
        throw failure(line, "the method '\(name)' is not supported")
      }
      return .undefined(name)
    case .list:
      guard !Self.listMethods.contains(name) else {
        throw failure(line, "lists cannot be changed or searched by '\(name)'")
      }
      return .undefined(name)
    default: return .undefined(name)
    }
  }

  mutating func item(
    _ index: TemplateValue, of value: TemplateValue, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    if case .string(let name) = index.plain, value.hasNamedParts { return try attribute(name, of: value, line) }
    if case .markup = value {
      let part = try item(index, of: value.plain, line)
      if case .string(let text) = part { return .markup(text) }
      return part
    }
    switch (value.plain, index.plain) {
    case (.undefined(let what), _): throw failure(line, "'\(what)' is undefined, and has no items")
    case (.dictionary(let members), .string(let key)):
      try scan(key, line)
      if let member = members[key] { return member }
      return Self.dictionaryMethods.contains(key) ? .method(value, key) : .undefined(key)
    case (.dictionary(let members), _): return members[index] ?? Self.missing(index)
    case (_, .string(let name)): return try attribute(name, of: value, line)
    case (.list(let elements), _), (.tuple(let elements), _):
      guard let position = index.whole else { return Self.missing(index) }
      let place = position < 0 ? position + elements.count : position
      return elements.indices.contains(place) ? elements[place] : .undefined("item \(position)")
    case (.string(let text), _):
      guard let position = index.whole else { return Self.missing(index) }
      try scan(text, line)
      let scalars = Array(text.unicodeScalars)
      let place = position < 0 ? position + scalars.count : position
      return scalars.indices.contains(place) ? .string(String(scalars[place])) : .undefined("item \(position)")
    default: return Self.missing(index)
    }
  }

  /// A part that doesn't exist, with its index's text unless that may be long.
  private static func missing(_ index: TemplateValue) -> TemplateValue {
    .undefined(index.isContainer ? "an item of type \(index.typeName)" : index.text)
  }

  private mutating func bound(_ expression: TemplateExpression?, _ line: Int) throws(TemplateError) -> Int? {
    guard let expression else { return nil }
    let value = try value(of: expression)
    if case .none = value { return nil }
    guard let whole = value.whole else { throw failure(line, "a slice's bounds are whole numbers") }
    return whole
  }

  private mutating func slice(
    _ value: TemplateValue, from: Int?, to: Int?, step: Int?, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    let step = step ?? 1
    guard step != 0 else { throw failure(line, "a slice's step can't be 0") }
    func indices(_ count: Int) -> [Int] {
      // Python's rules: negative bounds count from the end, and bounds outside are drawn in.
      func clamped(_ bound: Int, _ low: Int, _ high: Int) -> Int {
        min(max(bound < 0 ? max(bound, -count - 1) + count : bound, low), high)
      }
      if step > 0 {
        let (first, end) = (clamped(from ?? 0, 0, count), clamped(to ?? count, 0, count))
        return first < end ? Array(stride(from: first, to: end, by: min(step, count + 1))) : []
      }
      let first = from.map { clamped($0, -1, count - 1) } ?? count - 1
      let end = to.map { clamped($0, -1, count - 1) } ?? -1
      return first > end ? Array(stride(from: first, to: end, by: max(step, -count - 1))) : []
    }
    if case .markup(let text) = value {
      let part = try slice(.string(text), from: from, to: to, step: step, line)
      return .markup(part.text)
    }
    switch value.plain {
    case .list(let elements), .tuple(let elements):
      try self.step(line, cost: elements.count)
      let part = indices(elements.count).map { elements[$0] }
      if case .tuple = value.plain { return .tuple(part) }
      return .list(part)
    case .string(let text):
      let scalars = Array(text.unicodeScalars)
      try self.step(line, cost: scalars.count / 16)
      var view = String.UnicodeScalarView()
      for index in indices(scalars.count) { view.append(scalars[index]) }
      return .string(String(view))
    case .undefined(let what): throw failure(line, "'\(what)' is undefined, so it has no elements")
    default: throw failure(line, "a value of type \(value.typeName) has no elements")
    }
  }

  // MARK: - Calls

  /// The value of an expression that is a call, with a macro as `caller`.
  mutating func value(
    ofCall expression: TemplateExpression, caller: TemplateValue
  ) throws(TemplateError) -> TemplateValue {
    guard case .call(let callee, let arguments) = expression.kind else { return try value(of: expression) }
    return try nested(expression.line) { (run) throws(TemplateError) in
      try run.call(callee, arguments, caller: caller, expression.line)
    }
  }

  private mutating func call(
    _ callee: TemplateExpression, _ arguments: TemplateArguments, caller: TemplateValue? = nil, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    let function = try value(of: callee)
    var arguments = try evaluated(arguments)
    if let caller { arguments.named.append(("caller", caller)) }
    switch function {
    case .loop(let loop): return try callLoop(loop, arguments, line)
    case .joiner(let number):
      try check(arguments, of: "joiner", 0...0, line)
      defer { joiners[number].isUsed = true }
      return joiners[number].isUsed ? joiners[number].separator : .string("")
    case .macro(let number): return try callMacro(number, arguments.positional, arguments.named, line)
    case .method(let value, let name): return try callMethod(name, of: value, arguments, line)
    case .function(let function): return try callFunction(function, arguments, line)
    case .undefined(let name): throw failure(line, "'\(name)' is undefined, so it can't be called")
    default: throw failure(line, "a value of type \(function.typeName) cannot be called")
    }
  }

  private mutating func callFunction(
    _ function: TemplateFunction, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> TemplateValue {
    switch function {
    case .raise_exception:
      try check(arguments, of: function.rawValue, 0...1, names: ["message"], line)
      throw failure(line, "the template says: \(arguments.value(0, "message")?.text ?? "")")
    case .strftime_now:
      try check(arguments, of: function.rawValue, 0...1, names: ["format"], line)
      guard let date else { throw failure(line, "the template asks for the date, but none was given") }
      guard let text = date.formatted(arguments.value(0, "format")?.text ?? "") else {
        throw failure(line, "the date's format is not supported")
      }
      return try checked(text, line)
    case .namespace, .dict:
      var members = try members(function, arguments.positional, line)
      for (name, value) in arguments.named { members[name] = value }
      if function == .dict { return .dictionary(members) }
      guard namespaces.count < limits.elementCount else { throw failure(line, "too many namespaces") }
      namespaces.append(members)
      return .namespace(namespaces.count - 1)
    case .cycler:
      guard !arguments.positional.isEmpty, arguments.named.isEmpty, cyclers.count < limits.elementCount else {
        throw failure(line, "'cycler' takes items")
      }
      cyclers.append((items: arguments.positional, position: 0))
      return .cycler(cyclers.count - 1)
    case .joiner:
      try check(arguments, of: function.rawValue, 0...1, names: ["sep"], line)
      guard joiners.count < limits.elementCount else { throw failure(line, "too many joiners") }
      joiners.append((separator: arguments.value(0, "sep") ?? .string(", "), isUsed: false))
      return .joiner(joiners.count - 1)
    case .lipsum: throw failure(line, "'lipsum' writes a different text each time, so it is not supported")
    case .range:
      try check(arguments, of: function.rawValue, 1...3, line)
      let numbers = arguments.positional.compactMap(\.whole)
      guard numbers.count == arguments.positional.count else {
        throw failure(line, "range takes one to three whole numbers")
      }
      let (first, end) = numbers.count == 1 ? (0, numbers[0]) : (numbers[0], numbers[1])
      let step = numbers.count == 3 ? numbers[2] : 1
      // Far inside of what an addition can overflow.
      guard step != 0, [first, end, step].allSatisfy({ $0.magnitude < 1 << 53 }) else {
        throw failure(line, "range's step can't be 0, and its numbers must be below 2 to the 53")
      }
      var elements: [TemplateValue] = []
      for number in stride(from: first, to: end, by: step) {
        guard elements.count < limits.elementCount else { throw failure(line, "a range is too long") }
        elements.append(.integer(number))
      }
      try self.step(line, cost: elements.count)
      return .list(elements)
    }
  }

  /// What `dict` and `namespace` are given without names: nothing, a dictionary, or pairs.
  private mutating func members(
    _ function: TemplateFunction, _ positional: [TemplateValue], _ line: Int
  ) throws(TemplateError) -> TemplateDictionary {
    var members = TemplateDictionary()
    guard let first = positional.first else { return members }
    guard positional.count == 1 else { throw failure(line, "'\(function.rawValue)' takes one positional argument") }
    switch first {
    case .dictionary(let given): return given
    case .undefined(let what): throw failure(line, "'\(what)' is undefined")
    default:
      for pair in try iterated(first, line) {
        let parts = try iterated(pair, line)
        guard parts.count == 2, TemplateDictionary.isKey(parts[0]) else {
          throw failure(line, "'\(function.rawValue)' takes a dictionary or pairs of a key and a value here")
        }
        if case .string(let name) = parts[0] { try scan(name, line) }
        members[parts[0]] = parts[1]
      }
      return members
    }
  }
}
