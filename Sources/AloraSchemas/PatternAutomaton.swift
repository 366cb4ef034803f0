/// A pattern as an automaton with one state at a time, made as its states are met.
struct PatternAutomaton {
  private let pattern: CharacterPattern
  private let classes: [ClosedRange<UInt32>]
  private let place: SchemaPlace
  private let budget: SchemaBudget
  /// The nodes of each state. The first is where a text begins; one without nodes is written as -1.
  private var states: [[Int]]
  private var numbers: [[Int]: Int]
  /// For each state and class of characters the next state; -2: not yet known.
  private var table: [Int]
  private static let largestStateCount = 10_000

  /// - Parameter classes: ranges of characters between which the pattern makes no difference.
  init(_ pattern: CharacterPattern, classes: [ClosedRange<UInt32>], at place: SchemaPlace, _ budget: SchemaBudget) {
    (self.pattern, self.classes, self.place, self.budget) = (pattern, classes, place, budget)
    let first = pattern.closure([pattern.start])
    states = [first]
    numbers = [first: 0]
    table = [Int](repeating: -2, count: classes.count)
  }

  /// Whether a text that ends in the state matches.
  func matches(_ state: Int) -> Bool { state >= 0 && states[state].contains(pattern.end) }

  /// The state after a character of a class; -1 if no text matches any more.
  mutating func next(_ state: Int, _ index: Int) throws(SchemaError) -> Int {
    guard state >= 0 else { return -1 }
    let known = table[state * classes.count + index]
    if known != -2 { return known }
    try budget.spend(states[state].count)
    let nodes = pattern.step(states[state], classes[index].lowerBound)
    var next = -1
    if let number = numbers[nodes] {
      next = number
    } else if !nodes.isEmpty {
      guard states.count < Self.largestStateCount else {
        throw SchemaError(.tooComplex, place, "the pattern needs more than \(Self.largestStateCount) states")
      }
      next = states.count
      numbers[nodes] = next
      states.append(nodes)
      table += repeatElement(-2, count: classes.count)
    }
    table[state * classes.count + index] = next
    return next
  }
}
