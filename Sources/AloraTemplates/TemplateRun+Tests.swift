/// What `is` asks.
extension TemplateRun {
  mutating func test(
    _ test: TemplateTest, _ value: TemplateValue, _ arguments: Arguments, _ line: Int
  ) throws(TemplateError) -> Bool {
    try check(arguments, of: "is \(test.rawValue)", test.takesValue ? 1...1 : 0...0, line)
    if let comparison = test.comparison { return try compare(value, comparison, arguments.positional[0], line) }
    let (marked, value) = (value, value.plain)
    switch test {
    case .defined: return !value.isUndefined
    case .undefined: return value.isUndefined
    case .none: if case .none = value { return true } else { return false }
    case .string: if case .string = value { return true } else { return false }
    case .mapping: if case .dictionary = value { return true } else { return false }
    case .boolean: if case .boolean = value { return true } else { return false }
    case .integer: if case .integer = value { return true } else { return false }
    case .float: if case .number = value { return true } else { return false }
    case .number: return value.numeric != nil
    case .true: if case .boolean(true) = value { return true } else { return false }
    case .false: if case .boolean(false) = value { return true } else { return false }
    case .iterable, .sequence:
      switch value {
      case .generator, .loop: return test == .iterable
      case .undefined, .string, .list, .tuple, .dictionary: return true
      default: return false
      }
    case .callable:
      switch value {
      case .macro, .function, .method, .joiner, .loop: return true
      // An undefined value fails only when it is called.
      case .undefined: return true
      default: return false
      }
    case .escaped: return marked.isMarked
    case .filter, .test:
      switch value {
      case .string(let name):
        return test == .filter ? TemplateFilter(rawValue: name) != nil : TemplateTest(rawValue: name) != nil
      case .list, .dictionary: throw failure(line, "a name is a string, not a value of type \(value.typeName)")
      default: return false
      }
    case .lower, .upper: return PythonText.hasCase(try text(of: value, line), isUpper: test == .upper)
    case .sameas: return try isSame(marked, arguments.positional[0], line)
    case .odd, .even:
      guard let remainder = try numericRemainder(value, by: .integer(2), test, line) else { return false }
      return remainder == (test == .odd ? 1 : 0)
    case .divisibleby: return try numericRemainder(value, by: arguments.positional[0].plain, test, line) == 0
    case .equalto, .eq, .equalSign, .ne, .unequalSign, .in, .ge, .gt, .greaterthan, .le, .lt, .lessthan, .lessSign,
      .lessOrEqualSign, .greaterSign, .greaterOrEqualSign:
      return false
    }
  }

  /// What is left of a division, as a double that is exact where it matters: at 0 and 1.
  private mutating func numericRemainder(
    _ value: TemplateValue, by divisor: TemplateValue, _ test: TemplateTest, _ line: Int
  ) throws(TemplateError) -> Double? {
    // A text is a format here, and its result is a text, not a number.
    if case .string = value {
      _ = try arithmetic(value, .modulo, divisor, line)
      return nil
    }
    return try arithmetic(value, .modulo, divisor, line).numeric
  }

  /// Python's `is`, for values that exist only once.
  private func isSame(_ value: TemplateValue, _ other: TemplateValue, _ line: Int) throws(TemplateError) -> Bool {
    switch (value, other) {
    case (.none, .none): return true
    case (.boolean(let left), .boolean(let right)): return left == right
    case (.namespace(let left), .namespace(let right)): return left == right
    case (.integer(let left), .integer(let right)): return left == right
    case (.string(let left), .string(let right)): return left.utf8.elementsEqual(right.utf8)
    case (.list, .list), (.dictionary, .dictionary), (.tuple, .tuple), (.number, .number), (.markup, .markup),
      (.generator, .generator), (.macro, .macro), (.undefined, .undefined):
      // Different values are never the same object. Equal values may be one object or copies, which isn't known here.
      guard value.isEqual(to: other) else { return false }
      throw failure(line, "'sameas' between two values of type \(value.typeName) is not supported")
    default: return false
    }
  }
}
