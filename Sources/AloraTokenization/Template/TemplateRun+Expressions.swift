extension TemplateRun {
  mutating func value(of expression: TemplateExpression) throws(TokenizationError) -> TemplateValue {
    try step(expression.line)
    return try nested(expression.line) { (run) throws(TokenizationError) in
      try run.evaluate(expression.kind, expression.line)
    }
  }

  private mutating func values(_ expressions: [TemplateExpression]) throws(TokenizationError) -> [TemplateValue] {
    var result: [TemplateValue] = []
    for expression in expressions { result.append(try value(of: expression)) }
    return result
  }

  private mutating func evaluate(
    _ kind: TemplateExpression.Kind, _ line: Int
  ) throws(TokenizationError) -> TemplateValue {
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
        guard case .string(let name) = try value(of: key) else {
          throw failure(line, "a dictionary's keys are strings")
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
    case .filter(let operand, let filter, let arguments):
      let value = try value(of: operand)
      if case .string(let text) = value, filter.looksThroughTexts { try scan(text, line) }
      return try measured(try apply(filter, to: value, try evaluated(arguments), line), line)
    case .test(let operand, let test, let arguments, let isNegated):
      let holds = try self.test(test, try value(of: operand), try values(arguments.positional), line)
      return .boolean(holds != isNegated)
    case .not(let operand): return .boolean(!(try value(of: operand).isTrue))
    case .negated(let operand):
      let value = try value(of: operand)
      if let whole = value.whole, whole != .min { return .integer(-whole) }
      guard case .number(let number) = value else {
        throw failure(line, "'-' before a value of type \(value.typeName)")
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
      return try checked(try values(operands).map(\.text).joined(), line)
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
      return try otherwise.map { (expression) throws(TokenizationError) in try value(of: expression) }
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

  private mutating func evaluated(_ arguments: TemplateArguments) throws(TokenizationError) -> Arguments {
    var result = Arguments(positional: try values(arguments.positional), named: [])
    for (name, expression) in arguments.named { result.named.append((name, try value(of: expression))) }
    return result
  }

  // MARK: - Parts of values

  func attribute(_ name: String, of value: TemplateValue, _ line: Int) throws(TokenizationError) -> TemplateValue {
    switch value {
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

  private mutating func item(_ index: TemplateValue, of value: TemplateValue, _ line: Int) throws(TokenizationError)
    -> TemplateValue
  {
    switch (value, index) {
    case (.undefined(let what), _): throw failure(line, "'\(what)' is undefined, and has no items")
    case (.dictionary(let members), .string(let key)):
      try scan(key, line)
      if let member = members[key] { return member }
      return Self.dictionaryMethods.contains(key) ? .method(value, key) : .undefined(key)
    case (_, .string(let name)): return try attribute(name, of: value, line)
    case (.list(let elements), _), (.tuple(let elements), _):
      guard let position = index.whole else { return .undefined(index.text) }
      let place = position < 0 ? position + elements.count : position
      return elements.indices.contains(place) ? elements[place] : .undefined("item \(position)")
    case (.string(let text), _):
      guard let position = index.whole else { return .undefined(index.text) }
      try scan(text, line)
      let scalars = Array(text.unicodeScalars)
      let place = position < 0 ? position + scalars.count : position
      return scalars.indices.contains(place) ? .string(String(scalars[place])) : .undefined("item \(position)")
    default: return .undefined(index.text)
    }
  }

  private mutating func bound(_ expression: TemplateExpression?, _ line: Int) throws(TokenizationError) -> Int? {
    guard let expression else { return nil }
    let value = try value(of: expression)
    if case .none = value { return nil }
    guard let whole = value.whole else { throw failure(line, "a slice's bounds are whole numbers") }
    return whole
  }

  private mutating func slice(
    _ value: TemplateValue, from: Int?, to: Int?, step: Int?, _ line: Int
  ) throws(TokenizationError) -> TemplateValue {
    let step = step ?? 1
    guard step != 0 else { throw failure(line, "a slice's step is not 0") }
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
    switch value {
    case .list(let elements), .tuple(let elements):
      try self.step(line, cost: elements.count)
      let part = indices(elements.count).map { elements[$0] }
      if case .tuple = value { return .tuple(part) }
      return .list(part)
    case .string(let text):
      let scalars = Array(text.unicodeScalars)
      try self.step(line, cost: scalars.count / 16)
      var view = String.UnicodeScalarView()
      for index in indices(scalars.count) { view.append(scalars[index]) }
      return .string(String(view))
    case .undefined(let what): throw failure(line, "'\(what)' is undefined, and has no parts")
    default: throw failure(line, "a value of type \(value.typeName) has no parts")
    }
  }

  // MARK: - Operators

  private mutating func arithmetic(
    _ left: TemplateValue, _ sign: TemplateOperator, _ right: TemplateValue, _ line: Int
  ) throws(TokenizationError) -> TemplateValue {
    switch (left, sign, right) {
    case (.string(let first), .plus, .string(let second)): return try checked(first + second, line)
    case (.list(let first), .plus, .list(let second)):
      guard first.count + second.count <= limits.elementCount else { throw failure(line, "a list grows too long") }
      return try measured(.list(first + second), line)
    case (.string(let text), .times, _), (_, .times, .string(let text)):
      guard let count = left.whole ?? right.whole else { break }
      let (total, overflow) = text.utf8.count.multipliedReportingOverflow(by: max(count, 0))
      guard !overflow, total <= limits.outputByteCount else {
        throw failure(line, "the template makes too long a text")
      }
      return try checked(String(repeating: text, count: max(count, 0)), line)
    default: break
    }
    for value in [left, right] {
      if case .undefined(let name) = value { throw failure(line, "'\(name)' is undefined") }
    }
    if sign != .divide, let first = left.whole, let second = right.whole {
      return .integer(try whole(first, sign, second, line))
    }
    guard let first = left.numeric, let second = right.numeric else {
      throw failure(line, "'\(sign.rawValue)' between values of type \(left.typeName) and \(right.typeName)")
    }
    switch sign {
    case .plus: return .number(first + second)
    case .minus: return .number(first - second)
    case .times: return .number(first * second)
    case .divide, .floorDivide, .modulo:
      guard second != 0 else { throw failure(line, "division by 0") }
      if sign == .divide { return .number(first / second) }
      let quotient = (first / second).rounded(.down)
      return .number(sign == .floorDivide ? quotient : first - quotient * second)
    }
  }

  private func whole(_ left: Int, _ sign: TemplateOperator, _ right: Int, _ line: Int) throws(TokenizationError) -> Int
  {
    let (result, overflow): (Int, Bool)
    switch sign {
    case .plus: (result, overflow) = left.addingReportingOverflow(right)
    case .minus: (result, overflow) = left.subtractingReportingOverflow(right)
    case .times: (result, overflow) = left.multipliedReportingOverflow(by: right)
    case .divide, .floorDivide, .modulo:
      guard right != 0 else { throw failure(line, "division by 0") }
      let (quotient, tooLarge) = left.dividedReportingOverflow(by: right)
      let remainder = tooLarge ? 0 : left % right
      // Rounded down, as in Python.
      let isAbove = remainder != 0 && (remainder < 0) != (right < 0)
      result = sign == .modulo ? (isAbove ? remainder + right : remainder) : (isAbove ? quotient - 1 : quotient)
      overflow = tooLarge
    }
    guard !overflow else { throw failure(line, "a number becomes too large") }
    return result
  }

  mutating func compare(
    _ left: TemplateValue, _ comparison: TemplateComparison, _ right: TemplateValue, _ line: Int
  ) throws(TokenizationError) -> Bool {
    _ = try measured(left, line)
    _ = try measured(right, line)
    if case .string(let first) = left, case .string(let second) = right {
      try scan(first.utf8.count < second.utf8.count ? first : second, line)
    }
    switch comparison {
    case .equal: return left.isEqual(to: right)
    case .unequal: return !left.isEqual(to: right)
    case .contained: return try contains(right, left, line)
    case .notContained: return !(try contains(right, left, line))
    default: break
    }
    let order: Int
    if let first = left.numeric, let second = right.numeric {
      order = first < second ? -1 : first > second ? 1 : 0
    } else if case .string(let first) = left, case .string(let second) = right {
      let (a, b) = (first.unicodeScalars, second.unicodeScalars)
      order = a.lexicographicallyPrecedes(b) ? -1 : a.elementsEqual(b) ? 0 : 1
    } else {
      throw failure(line, "'\(comparison.rawValue)' between values of type \(left.typeName) and \(right.typeName)")
    }
    switch comparison {
    case .less: return order < 0
    case .lessOrEqual: return order <= 0
    case .greater: return order > 0
    default: return order >= 0
    }
  }

  private mutating func contains(_ container: TemplateValue, _ element: TemplateValue, _ line: Int)
    throws(TokenizationError)
    -> Bool
  {
    switch container {
    case .undefined: return false
    case .list(let elements), .tuple(let elements): return elements.contains { $0.isEqual(to: element) }
    case .dictionary(let members):
      guard case .string(let key) = element else { return false }
      return members[key] != nil
    case .string(let text):
      guard case .string(let part) = element else {
        throw failure(line, "'in' a string takes a string, not a value of type \(element.typeName)")
      }
      try scan(text, line)
      return part.isEmpty || PythonText.firstRange(of: part, in: text) != nil
    default: throw failure(line, "'in' a value of type \(container.typeName)")
    }
  }

  // MARK: - Calls

  private mutating func call(
    _ callee: TemplateExpression, _ arguments: TemplateArguments, _ line: Int
  ) throws(TokenizationError) -> TemplateValue {
    let function = try value(of: callee)
    let arguments = try evaluated(arguments)
    switch function {
    case .macro(let index): return try call(macros[index], arguments.positional, arguments.named, line)
    case .method(let value, let name): return try callMethod(name, of: value, arguments, line)
    case .function(let function): return try callFunction(function, arguments, line)
    case .undefined(let name): throw failure(line, "'\(name)' is undefined, and cannot be called")
    default: throw failure(line, "a value of type \(function.typeName) cannot be called")
    }
  }

  private mutating func callFunction(
    _ function: TemplateFunction, _ arguments: Arguments, _ line: Int
  ) throws(TokenizationError) -> TemplateValue {
    switch function {
    case .raise_exception:
      throw failure(line, "the template says: \(arguments.value(0, "message")?.text ?? "")")
    case .strftime_now:
      guard let date else { throw failure(line, "the template asks for the date, and none was given") }
      guard let text = date.formatted(arguments.value(0, "format")?.text ?? "") else {
        throw failure(line, "the date's format is not supported")
      }
      return try checked(text, line)
    case .namespace, .dict:
      var members = TemplateDictionary()
      if case .dictionary(let given)? = arguments.positional.first { members = given }
      for (name, value) in arguments.named { members[name] = value }
      if function == .dict { return .dictionary(members) }
      guard namespaces.count < limits.elementCount else { throw failure(line, "too many namespaces") }
      namespaces.append(members)
      return .namespace(namespaces.count - 1)
    case .range:
      let numbers = arguments.positional.compactMap(\.whole)
      guard (1...3).contains(numbers.count), numbers.count == arguments.positional.count else {
        throw failure(line, "range takes one to three whole numbers")
      }
      let (first, end) = numbers.count == 1 ? (0, numbers[0]) : (numbers[0], numbers[1])
      let step = numbers.count == 3 ? numbers[2] : 1
      // Far inside of what an addition can overflow.
      guard step != 0, [first, end, step].allSatisfy({ $0.magnitude < 1 << 53 }) else {
        throw failure(line, "range's step is not 0, and its numbers are below 2 to the 53")
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
}
