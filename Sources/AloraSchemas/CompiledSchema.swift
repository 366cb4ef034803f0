package import AloraJSON

/// A schema as a network of bytes: which texts are values of it.
///
/// White space is one space or none after each comma and colon, and nowhere else. The members of an object come in the order
/// of `properties`, then those that are only `required`, then others.
package struct CompiledSchema: Sendable {
  /// The nodes' edges, one node's after another's.
  let edges: [ByteNetwork.Edge]
  let edgeStarts: [Int32]
  let next: [Int32]
  let nextStarts: [Int32]
  let calls: [(start: Int32, next: Int32)]
  let callStarts: [Int32]
  let isEnd: [Bool]
  let room: [Int]
  let start: Int32

  /// The largest schema, in bytes of its text without white space.
  package static let largestSchema = 1 << 18

  /// - Throws: ``SchemaError``.
  package init(_ json: JSON) throws {
    guard json.serialized.utf8.count <= Self.largestSchema else { throw Self.tooLarge }
    try self.init(SchemaValue(json))
  }

  /// A schema as JSON text.
  ///
  /// - Throws: ``SchemaError``; ``JSONError`` for a text that is not JSON.
  package init(text: [UInt8]) throws {
    guard text.count <= 4 * Self.largestSchema else { throw Self.tooLarge }
    try unsafe self.init(JSONDocument(parsing: text.span.bytes).root)
  }

  private static var tooLarge: SchemaError {
    SchemaError(.tooComplex, "the schema has more than \(largestSchema) bytes")
  }

  /// The schema of any JSON object, as `json_object` asks for.
  package static let anyObject = Array(#"{"type":"object"}"#.utf8)

  init(_ value: SchemaValue) throws(SchemaError) {
    var compiler = SchemaCompiler(value)
    start = try compiler.compile()
    let nodes = compiler.network.nodes
    edges = nodes.flatMap(\.edges)
    next = nodes.flatMap(\.next)
    calls = nodes.flatMap(\.calls)
    isEnd = nodes.map(\.isEnd)
    room = nodes.map(\.room)
    func starts(_ counts: [Int]) -> [Int32] {
      var sum: Int32 = 0
      return [0]
        + counts.map {
          sum += Int32($0)
          return sum
        }
    }
    edgeStarts = starts(nodes.map(\.edges.count))
    nextStarts = starts(nodes.map(\.next.count))
    callStarts = starts(nodes.map(\.calls.count))
    // Too many alternatives at the very beginning are a fault of the schema, not of a text.
    var states = SchemaStates(self)
    _ = try states.start()
  }

  /// Only the body of a string, for what stays within one.
  init(stringBody: Void) throws(SchemaError) {
    try self.init(SchemaValue.object([(name: "type", value: .string("string"))]))
  }

  var nodeCount: Int { isEnd.count }

  /// Whether a node ends a called part and leads nowhere else.
  func onlyEnds(_ node: Int) -> Bool {
    isEnd[node] && edgeStarts[node] == edgeStarts[node + 1] && nextStarts[node] == nextStarts[node + 1]
      && callStarts[node] == callStarts[node + 1]
  }
}
