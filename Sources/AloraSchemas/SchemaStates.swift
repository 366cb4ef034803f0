/// The states of a schema's texts, as they are met: each is a set of nodes, and for each node the places that it returns to.
struct SchemaStates: Sendable {
  /// A node, and in the upper half the number of its stack.
  typealias Place = UInt64

  struct State: Sendable {
    let places: [Place]
    /// Whether a value may end here.
    let isComplete: Bool
    /// How many more characters fit if this is the body of one string and nothing else; otherwise 0.
    let room: Int
  }

  struct Limits: Sendable {
    var stateCount = 16_384
    var stackCount = 1 << 20
    var stackDepth = 512
    var placeCount = 4_096
    /// Places visited for one mask, or for one token.
    var stepCount = 1 << 24
  }

  private let schema: CompiledSchema
  /// Where each stack returns to, and the stack below it. The first is empty.
  private var stacks: [(node: Int32, below: Int32, depth: Int32)] = [(-1, -1, 0)]
  private var stackNumbers: [UInt64: Int32] = [:]
  private(set) var states: [State] = []
  private var numbers: [[Place]: Int32] = [:]
  /// For each state and byte the next state; -1: none, -2: not yet known.
  private var table: [Int32] = []
  /// Counts the times that all states were forgotten.
  private(set) var generation = 0
  private var stepCount = 0
  let limits: Limits

  init(_ schema: CompiledSchema, limits: Limits = Limits()) {
    self.schema = schema
    self.limits = limits
  }

  mutating func start() throws(SchemaError) -> Int32 {
    beginWork()
    return try closed([UInt64(UInt32(bitPattern: schema.start))]) ?? -1
  }

  /// Begins one mask or one token: the count of steps starts anew.
  mutating func beginWork() { stepCount = 0 }

  private mutating func count(_ steps: Int) throws(SchemaError) {
    stepCount += steps
    guard stepCount <= limits.stepCount else {
      throw SchemaError(.tooComplex, "the alternatives of the schema take too long to follow at one place")
    }
  }

  private mutating func stack(_ node: Int32, on below: Int32) throws(SchemaError) -> Int32? {
    let key = UInt64(UInt32(bitPattern: node)) | UInt64(UInt32(bitPattern: below)) << 32
    if let number = stackNumbers[key] { return number }
    let depth = stacks[Int(below)].depth + 1
    guard depth <= limits.stackDepth else { return nil }
    guard stacks.count < limits.stackCount else {
      throw SchemaError(.tooComplex, "the text nests in too many ways for this schema")
    }
    stacks.append((node, below, depth))
    stackNumbers[key] = Int32(stacks.count - 1)
    return Int32(stacks.count - 1)
  }

  /// The state of all places that are reached without another byte; nil for none.
  private mutating func closed(_ first: [Place]) throws(SchemaError) -> Int32? {
    var seen = Set<Place>()
    var places: [Place] = []
    var isComplete = false
    // What only a string's body leads to does not count against it.
    var bodies: [Place] = []
    var hasOthers = false
    var work = first.map { (place: $0, isInBody: false) }
    while let (place, isInBody) = work.popLast() {
      guard seen.insert(place).inserted else { continue }
      guard seen.count <= limits.placeCount else {
        throw SchemaError(.tooComplex, "too many alternatives of the schema go on at one place")
      }
      let node = Int(place & 0xFFFF_FFFF)
      let stack = Int32(truncatingIfNeeded: place >> 32)
      if schema.isEnd[node] {
        if stack == 0 {
          isComplete = true
        } else {
          let (target, below, _) = stacks[Int(stack)]
          work.append((UInt64(UInt32(bitPattern: target)) | UInt64(UInt32(bitPattern: below)) << 32, isInBody))
        }
      }
      let isBody = schema.room[node] > 0
      let hasEdges = schema.edgeStarts[node] < schema.edgeStarts[node + 1]
      if hasEdges || isBody { places.append(place) }
      if isBody { bodies.append(place) } else if !isInBody, hasEdges { hasOthers = true }
      for index in Int(schema.nextStarts[node])..<Int(schema.nextStarts[node + 1]) {
        work.append((place & ~0xFFFF_FFFF | UInt64(UInt32(bitPattern: schema.next[index])), isInBody || isBody))
      }
      for index in Int(schema.callStarts[node])..<Int(schema.callStarts[node + 1]) {
        let call = schema.calls[index]
        // Nothing has to be remembered to return to a node that only ends.
        guard let called = schema.onlyEnds(Int(call.next)) ? stack : try self.stack(call.next, on: stack) else {
          continue
        }
        work.append(
          (UInt64(UInt32(bitPattern: call.start)) | UInt64(UInt32(bitPattern: called)) << 32, isInBody || isBody))
      }
    }
    try count(seen.count)
    guard !places.isEmpty || isComplete else { return nil }
    guard states.count < 4 * limits.stateCount else {
      throw SchemaError(.tooComplex, "the schema has too many states at one place")
    }
    places.sort()
    let room = bodies.count == 1 && !hasOthers && !isComplete ? schema.room[Int(bodies[0] & 0xFFFF_FFFF)] : 0
    return number(State(places: places, isComplete: isComplete, room: room))
  }

  private mutating func number(_ state: State) -> Int32 {
    let key = state.places + (state.isComplete ? [.max] : [])
    if let number = numbers[key] { return number }
    numbers[key] = Int32(states.count)
    states.append(state)
    table += repeatElement(-2, count: 256)
    return Int32(states.count - 1)
  }

  /// The state after a byte, -1 if no value continues like that.
  mutating func next(_ state: Int32, _ byte: UInt8) throws(SchemaError) -> Int32 {
    let known = table[Int(state) << 8 | Int(byte)]
    return known != -2 ? known : try computedNext(state, byte)
  }

  private mutating func computedNext(_ state: Int32, _ byte: UInt8) throws(SchemaError) -> Int32 {
    var targets: [Place] = []
    var edgeCount = 0
    for place in states[Int(state)].places {
      let node = Int(place & 0xFFFF_FFFF)
      edgeCount += Int(schema.edgeStarts[node + 1] - schema.edgeStarts[node])
      for index in Int(schema.edgeStarts[node])..<Int(schema.edgeStarts[node + 1]) {
        let edge = schema.edges[index]
        guard edge.low <= byte, byte <= edge.high else { continue }
        targets.append(place & ~0xFFFF_FFFF | UInt64(UInt32(bitPattern: edge.target)))
      }
    }
    try count(edgeCount)
    let result = targets.isEmpty ? -1 : try closed(targets) ?? -1
    table[Int(state) << 8 | Int(byte)] = result
    return result
  }

  /// Forgets all states but one if there are too many.
  ///
  /// - Returns: the number of that state from now on.
  mutating func trimmed(keeping state: Int32) -> Int32 {
    guard states.count > limits.stateCount else { return state }
    let kept = states[Int(state)]
    states = []
    numbers = [:]
    table = []
    generation += 1
    return restored(kept)
  }

  /// The number of a state of an earlier generation.
  mutating func restored(_ state: State) -> Int32 { number(state) }
}
