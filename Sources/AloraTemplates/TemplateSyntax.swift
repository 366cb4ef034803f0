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
    /// Filters and tests go by name: one that does not exist fails where it is reached.
    case filter(TemplateExpression, String, TemplateArguments)
    case test(TemplateExpression, String, TemplateArguments, isNegated: Bool)
    /// The text that a `filter` block or a `set` block with filters encloses.
    case enclosedText
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
  /// `*list` and `**dictionary`.
  var spreadList: TemplateExpression?
  var spreadDictionary: TemplateExpression?
}

enum TemplateOperator: String, Sendable {
  case plus = "+", minus = "-", times = "*", divide = "/", floorDivide = "//", modulo = "%", power = "**"
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
      otherwise: [TemplateStatement], isRecursive: Bool)
    case set(TemplateTarget, TemplateExpression)
    /// - Parameter filtered: what becomes of the enclosed text.
    case setBlock(TemplateTarget, [TemplateStatement], filtered: TemplateExpression)
    case filterBlock([TemplateStatement], filtered: TemplateExpression)
    case macro(TemplateMacro)
    /// A call whose macro may call the body as `caller`.
    case callBlock(TemplateMacro, TemplateExpression)
    case with([(target: TemplateTarget, value: TemplateExpression)], [TemplateStatement])
    case block([TemplateStatement])
    case autoescape(TemplateExpression, [TemplateStatement])
    /// A tag that needs other templates.
    case unsupported(String)
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
  /// Whether the body reads `varargs`, `kwargs` and `caller`: a macro takes such arguments only if it does.
  var readsVarargs = false
  var readsKwargs = false
  var readsCaller = false
}
