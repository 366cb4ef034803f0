/// The states of a schema's texts, as they are met: each is a set of nodes, and for each node the places that it returns to.
///
/// Not for several threads at once.
final class SchemaStates {
  /// A node, and in the upper half the number of its stack.
  typealias Place = UInt64

  struct State {
    let places: [Place]
    /// Whether a value may end here.
    let isComplete: Bool
    /// How many more characters fit, where this is the body of one string and nothing else; 0 elsewhere.
    let room: Int
  }

  private let schema: CompiledSchema
  /// Where each stack returns to, and the stack below it. The first is empty.
  private var stacks: [(node: Int32, below: Int32, depth: Int32)] = [(-1, -1, 0)]
  private var stackNumbers: [UInt64: Int32] = [:]
  private(set) var states: [State] = []
  private var numbers: [[Place]: Int32] = [:]
  /// For each state and byte the next state; -1: none, -2: not yet known.
  private(set) var table: [Int32] = []
  /// Counts the times that all states were forgotten.
  private(set) var generation = 0
  let limits: Limits

  struct Limits {
    var stateCount = 16_384
    var stackCount = 1 << 20
    var stackDepth = 512
    var placeCount = 4_096
  }

  init(_ schema: CompiledSchema, limits: Limits = Limits()) {
    self.schema = schema
    self.limits = limits
  }

  func start() throws(SchemaError) -> Int32 { try closed([UInt64(UInt32(bitPattern: schema.start))]) ?? -1 }

  private func stack(_ node: Int32, on below: Int32) throws(SchemaError) -> Int32? {
    let key = UInt64(UInt32(bitPattern: node)) | UInt64(UInt32(bitPattern: below)) << 32
    if let number = stackNumbers[key] { return number }
    let depth = stacks[Int(below)].depth + 1
    guard depth <= limits.stackDepth else { return nil }
    guard stacks.count < limits.stackCount else {
      throw SchemaError(.tooComplex, "", "the text nests in too many ways for this schema")
    }
    stacks.append((node, below, depth))
    stackNumbers[key] = Int32(stacks.count - 1)
    return Int32(stacks.count - 1)
  }

  /// Whether a node only ends: nothing has to be remembered to return to it.
  private func onlyEnds(_ node: Int) -> Bool {
    schema.isEnd[node] && schema.edgeStarts[node] == schema.edgeStarts[node + 1]
      && schema.nextStarts[node] == schema.nextStarts[node + 1]
      && schema.callStarts[node] == schema.callStarts[node + 1]
  }

  /// The state of all places that are reached without another byte; nil for none.
  private func closed(_ first: [Place]) throws(SchemaError) -> Int32? {
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
        throw SchemaError(.tooComplex, "", "too many alternatives of the schema go on at one place")
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
      if schema.edgeStarts[node] < schema.edgeStarts[node + 1] || isBody { places.append(place) }
      if isBody {
        bodies.append(place)
      } else if !isInBody, schema.edgeStarts[node] < schema.edgeStarts[node + 1] {
        hasOthers = true
      }
      for index in Int(schema.nextStarts[node])..<Int(schema.nextStarts[node + 1]) {
        work.append((place & ~0xFFFF_FFFF | UInt64(UInt32(bitPattern: schema.next[index])), isInBody || isBody))
      }
      for index in Int(schema.callStarts[node])..<Int(schema.callStarts[node + 1]) {
        let call = schema.calls[index]
        guard let called = onlyEnds(Int(call.next)) ? stack : try self.stack(call.next, on: stack) else { continue }
        work.append(
          (UInt64(UInt32(bitPattern: call.start)) | UInt64(UInt32(bitPattern: called)) << 32, isInBody || isBody))
      }
    }
    guard !places.isEmpty || isComplete else { return nil }
    guard states.count < 4 * limits.stateCount else {
      throw SchemaError(.tooComplex, "", "the schema has too many states at one place")
    }
    places.sort()
    if let number = numbers[places + (isComplete ? [.max] : [])] { return number }
    let room = bodies.count == 1 && !hasOthers && !isComplete ? schema.room[Int(bodies[0] & 0xFFFF_FFFF)] : 0
    numbers[places + (isComplete ? [.max] : [])] = Int32(states.count)
    states.append(State(places: places, isComplete: isComplete, room: room))
    table += [Int32](repeating: -2, count: 256)
    return Int32(states.count - 1)
  }

  /// The state after a byte; -1 where no value goes on like that.
  func next(_ state: Int32, _ byte: UInt8) throws(SchemaError) -> Int32 {
    let known = table[Int(state) << 8 | Int(byte)]
    if known != -2 { return known }
    var targets: [Place] = []
    for place in states[Int(state)].places {
      let node = Int(place & 0xFFFF_FFFF)
      for index in Int(schema.edgeStarts[node])..<Int(schema.edgeStarts[node + 1]) {
        let edge = schema.edges[index]
        guard edge.low <= byte, byte <= edge.high else { continue }
        targets.append(place & ~0xFFFF_FFFF | UInt64(UInt32(bitPattern: edge.target)))
      }
    }
    let result = targets.isEmpty ? -1 : try closed(targets) ?? -1
    table[Int(state) << 8 | Int(byte)] = result
    return result
  }

  /// Forgets all states but one if there are too many.
  ///
  /// - Returns: the number of that state from now on.
  func trimmed(keeping state: Int32) throws(SchemaError) -> Int32 {
    guard states.count > limits.stateCount else { return state }
    return try restored(states[Int(state)].places, isComplete: states[Int(state)].isComplete, forgets: true)
  }

  /// The number of a state of an earlier generation.
  func restored(_ places: [Place], isComplete: Bool, forgets: Bool = false) throws(SchemaError) -> Int32 {
    if forgets {
      states = []
      numbers = [:]
      table = []
      generation += 1
    }
    if let number = numbers[places + (isComplete ? [.max] : [])] { return number }
    numbers[places + (isComplete ? [.max] : [])] = Int32(states.count)
    states.append(State(places: places, isComplete: isComplete, room: 0))
    table += [Int32](repeating: -2, count: 256)
    return Int32(states.count - 1)
  }
}
