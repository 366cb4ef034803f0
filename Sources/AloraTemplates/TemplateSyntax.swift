/// The tree of a template. Every node knows its line, for messages.
struct TemplateExpression: Sendable {
  indirect enum Kind: Sendable {
    case literal(TemplateValue)
    case name(String)
    case list([TemplateExpression])
    case tuple([TemplateExpression])
    case dictionary([(key: TemplateExpression, value: TemplateExpression)])
    case attribute(TemplateExpression, String)
    case item(TemplateExpression, TemplateExpression)
    case slice(TemplateExpression, from: TemplateExpression?, to: TemplateExpression?, step: TemplateExpression?)
    case call(TemplateExpression, TemplateArguments)
    case filter(TemplateExpression, TemplateFilter, TemplateArguments)
    case test(TemplateExpression, TemplateTest, TemplateArguments, isNegated: Bool)
    case not(TemplateExpression)
    case negated(TemplateExpression)
    case and(TemplateExpression, TemplateExpression)
    case or(TemplateExpression, TemplateExpression)
    case arithmetic(TemplateExpression, TemplateOperator, TemplateExpression)
    case concatenation([TemplateExpression])
    /// `a < b <= c`: each comparison takes the operand before it.
    case comparison(TemplateExpression, [(TemplateComparison, TemplateExpression)])
    case conditional(TemplateExpression, condition: TemplateExpression, otherwise: TemplateExpression?)
  }

  let kind: Kind
  let line: Int
}

struct TemplateArguments: Sendable {
  var positional: [TemplateExpression] = []
  var named: [(name: String, value: TemplateExpression)] = []
}

enum TemplateOperator: String, Sendable {
  case plus = "+", minus = "-", times = "*", divide = "/", floorDivide = "//", modulo = "%"
}

enum TemplateComparison: String, Sendable {
  case equal = "==", unequal = "!=", less = "<", lessOrEqual = "<=", greater = ">", greaterOrEqual = ">="
  case contained = "in", notContained = "not in"
}

/// The target of a `set` or a loop.
enum TemplateTarget: Sendable {
  case name(String)
  case names([String])
  /// An attribute of a namespace.
  case attribute(String, String)
}

struct TemplateStatement: Sendable {
  indirect enum Kind: Sendable {
    case text(String)
    case output(TemplateExpression)
    case condition([(condition: TemplateExpression, body: [TemplateStatement])], otherwise: [TemplateStatement])
    case loop(
      TemplateTarget, TemplateExpression, filter: TemplateExpression?, body: [TemplateStatement],
      otherwise: [TemplateStatement])
    case set(TemplateTarget, TemplateExpression)
    case setBlock(TemplateTarget, [TemplateStatement])
    case macro(TemplateMacro)
    /// What transformers marks as the assistant's: a scope of its own, and nothing else here.
    case generation([TemplateStatement])
    case breakLoop
    case continueLoop
  }

  let kind: Kind
  let line: Int
}

struct TemplateMacro: Sendable {
  let name: String
  let parameters: [(name: String, value: TemplateExpression?)]
  let body: [TemplateStatement]
}

/// Filters of the supported subset; the raw values are Jinja's names.
enum TemplateFilter: String, Sendable, CaseIterable {
  case trim, length, count, tojson, join, list, string, int, float, upper, lower, capitalize, title, first, last,
    `default`
  case d, items, selectattr, rejectattr, select, reject, map, replace, indent, dictsort, abs, reverse, sort

  /// Whether its work grows with a text that it is applied to.
  var looksThroughTexts: Bool {
    switch self {
    case .default, .d, .string, .items: false
    default: true
    }
  }

  /// The parameters behind the value, in order; nil for a filter that looks at its arguments itself.
  var parameters: [String]? {
    switch self {
    case .trim: ["chars"]
    case .join: ["d", "attribute"]
    case .int: ["default", "base"]
    case .float: ["default"]
    case .default, .d: ["default_value", "boolean"]
    case .replace: ["old", "new", "count"]
    case .indent: ["width", "first", "blank"]
    case .sort: ["reverse", "case_sensitive", "attribute"]
    case .tojson, .dictsort, .selectattr, .rejectattr, .select, .reject, .map: nil
    case .length, .count, .list, .string, .upper, .lower, .capitalize, .title, .first, .last, .items, .abs, .reverse: []
    }
  }
}

/// Tests of the supported subset.
enum TemplateTest: String, Sendable, CaseIterable {
  case defined, undefined, none, string, mapping, iterable, sequence, number, integer, float, boolean, odd, even
  case divisibleby, equalto, eq, ne, `in`, `true`, `false`
  case equalSign = "=="
  case unequalSign = "!="

  /// Whether it compares with a value.
  var takesValue: Bool {
    switch self {
    case .divisibleby, .equalto, .eq, .ne, .in, .equalSign, .unequalSign: true
    default: false
    }
  }
}
