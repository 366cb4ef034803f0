/// A network of nodes with bytes on their edges. A node can call another part of the network and go on where that ends,
/// so that a schema may contain itself.
struct ByteNetwork: Sendable {
  struct Edge: Sendable {
    let low: UInt8
    let high: UInt8
    let target: Int32
  }

  struct Node: Sendable {
    var edges: [Edge] = []
    /// Nodes that take no byte to reach.
    var next: [Int32] = []
    var calls: [(start: Int32, next: Int32)] = []
    /// Whether a called part ends here.
    var isEnd = false
    /// In the body of a string: how many more characters fit.
    var room = 0
  }

  private(set) var nodes: [Node] = []
  static let largestNodeCount = 400_000

  /// - Throws: `tooComplex`.
  mutating func node(isEnd: Bool = false) throws(SchemaError) -> Int32 {
    guard nodes.count < Self.largestNodeCount else {
      throw SchemaError(.tooComplex, "the schema needs more than \(Self.largestNodeCount) nodes")
    }
    var node = Node()
    node.isEnd = isEnd
    nodes.append(node)
    return Int32(nodes.count - 1)
  }

  mutating func edge(_ from: Int32, _ bytes: ClosedRange<UInt8>, _ to: Int32) {
    nodes[Int(from)].edges.append(Edge(low: bytes.lowerBound, high: bytes.upperBound, target: to))
  }

  mutating func edge(_ from: Int32, _ byte: Unicode.Scalar, _ to: Int32) {
    let value = UInt8(ascii: byte)
    edge(from, value...value, to)
  }

  mutating func empty(_ from: Int32, _ to: Int32) { nodes[Int(from)].next.append(to) }
  mutating func call(_ from: Int32, _ start: Int32, _ to: Int32) { nodes[Int(from)].calls.append((start, to)) }
  mutating func setRoom(_ node: Int32, _ room: Int) { nodes[Int(node)].room = room }

  mutating func bytes(_ from: Int32, _ bytes: some Collection<UInt8>, _ to: Int32) throws(SchemaError) {
    var current = from
    var rest = bytes.count
    for byte in bytes {
      rest -= 1
      let target = rest == 0 ? to : try node()
      edge(current, byte...byte, target)
      current = target
    }
    if bytes.isEmpty { empty(from, to) }
  }

  /// Removes what leads to no end: a text could go there, and never come to a close.
  ///
  /// - Returns: whether the start leads to an end.
  mutating func prune(from start: Int32) -> Bool {
    // For each node, those whose verdict may follow from its own.
    var dependents = [[Int32]](repeating: [], count: nodes.count)
    for (index, node) in nodes.enumerated() {
      let index = Int32(index)
      for edge in node.edges { dependents[Int(edge.target)].append(index) }
      for target in node.next { dependents[Int(target)].append(index) }
      for call in node.calls {
        dependents[Int(call.start)].append(index)
        dependents[Int(call.next)].append(index)
      }
    }
    var leads = nodes.map(\.isEnd)
    var work = nodes.indices.filter { leads[$0] }.map { Int32($0) }
    while let node = work.popLast() {
      for dependent in dependents[Int(node)] where !leads[Int(dependent)] {
        let candidate = nodes[Int(dependent)]
        guard
          candidate.edges.contains(where: { leads[Int($0.target)] })
            || candidate.next.contains(where: { leads[Int($0)] })
            || candidate.calls.contains(where: { leads[Int($0.start)] && leads[Int($0.next)] })
        else { continue }
        leads[Int(dependent)] = true
        work.append(dependent)
      }
    }
    for index in nodes.indices {
      nodes[index].edges.removeAll { !leads[Int($0.target)] }
      nodes[index].next.removeAll { !leads[Int($0)] }
      nodes[index].calls.removeAll { !leads[Int($0.start)] || !leads[Int($0.next)] }
    }
    return leads[Int(start)]
  }
}

// MARK: - Characters

extension ByteNetwork {
  /// The UTF-8 of the characters in a range, surrogates left out.
  mutating func characters(_ from: Int32, _ range: ClosedRange<UInt32>, _ to: Int32) throws(SchemaError) {
    let bounds: [ClosedRange<UInt32>] = [
      0...0x7F, 0x80...0x7FF, 0x800...0xD7FF, 0xE000...0xFFFF, 0x10000...0x10FFFF,
    ]
    for (length, bound) in zip([1, 2, 3, 3, 4], bounds) where bound.overlaps(range) {
      let part = bound.clamped(to: range)
      try sequences(from, Self.utf8(part.lowerBound, length), Self.utf8(part.upperBound, length), to)
    }
  }

  private static func utf8(_ code: UInt32, _ length: Int) -> [UInt8] {
    guard length > 1 else { return [UInt8(code)] }
    var bytes = (1..<length).map { 0x80 | UInt8(code >> (6 * UInt32(length - 1 - $0)) & 0x3F) }
    bytes.insert(UInt8(0xF00 >> UInt32(length) & 0xFF) | UInt8(code >> (6 * UInt32(length - 1))), at: 0)
    return bytes
  }

  /// All byte sequences between two of one length, as UTF-8 orders them.
  private mutating func sequences(
    _ from: Int32, _ low: [UInt8], _ high: [UInt8], _ to: Int32
  ) throws(SchemaError) {
    guard low.count > 1 else { return edge(from, low[0]...high[0], to) }
    let (lowRest, highRest) = (Array(low.dropFirst()), Array(high.dropFirst()))
    let least = [UInt8](repeating: 0x80, count: lowRest.count)
    let greatest = [UInt8](repeating: 0xBF, count: lowRest.count)
    if low[0] == high[0] {
      let target = try node()
      edge(from, low[0]...low[0], target)
      return try sequences(target, lowRest, highRest, to)
    }
    var (first, last) = (low[0], high[0])
    if lowRest != least {
      let target = try node()
      edge(from, first...first, target)
      try sequences(target, lowRest, greatest, to)
      first += 1
    }
    if highRest != greatest {
      let target = try node()
      edge(from, last...last, target)
      try sequences(target, least, highRest, to)
      last -= 1
    }
    guard first <= last else { return }
    let target = try node()
    edge(from, first...last, target)
    try sequences(target, least, greatest, to)
  }
}
