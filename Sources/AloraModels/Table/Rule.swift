internal import AloraJSON

extension ArchitectureTable {
  /// How one module's weight becomes GGUF tensors.
  struct Rule: Hashable, Sendable {
    enum Kind: String { case linear, embedding, output, experts, expert }

    /// Nested loops over rows or columns: the source's index of each element in the target's order.
    struct Segment: Hashable, Sendable {
      struct Loop: Hashable, Sendable {
        let count: FieldExpression
        let stride: FieldExpression
      }
      let start: FieldExpression
      /// From the outermost loop in.
      let loops: [Loop]
    }

    struct Target: Hashable, Sendable {
      /// `blk.{layer}.attn_q`.
      let tensor: String
      /// Nil for all rows as they are.
      let rows: [Segment]?
      let columns: [Segment]?
      /// The reference's factors of the weight's rows, in the target's order.
      let factors: [Factor]
    }

    /// Multiplies the next `rowCount` rows by the product of these configuration fields. Nil: all rows.
    struct Factor: Hashable, Sendable {
      let rowCount: FieldExpression?
      let fields: [String]
    }

    /// `model.layers.{layer}.self_attn.q_proj`.
    let module: String
    let kind: Kind
    /// Nil for whatever the adapter has.
    let outputCount: FieldExpression?
    let inputCount: FieldExpression?
    let expertCount: FieldExpression?
    /// Whether the experts are stored [E, in, out].
    let isTransposed: Bool
    /// Whether the module has `is_transposed`, which PEFT 0.19 reads.
    let isMarkedTransposed: Bool
    /// Whether some layers don't have it.
    let isInSomeLayers: Bool
    let targets: [Target]
  }
}

extension ArchitectureTable.Rule {
  init(json: JSON) throws {
    module = try json["module"].string()
    let kindName = try json[optional: "kind"]?.string() ?? "linear"
    guard let kind = Kind(rawValue: kindName) else { throw ArchitectureTable.damaged(kindName) }
    self.kind = kind
    func extent(_ name: String) throws -> FieldExpression? {
      guard let text = try json[optional: name]?.string(), text != "*" else { return nil }
      return try FieldExpression(text: text)
    }
    outputCount = try extent("out")
    inputCount = try extent("in")
    expertCount = try extent("experts")
    isTransposed = try json[optional: "isTransposed"]?.boolean() ?? false
    isMarkedTransposed = try json[optional: "isMarkedTransposed"]?.boolean() ?? false
    isInSomeLayers = try json[optional: "isInSomeLayers"]?.boolean() ?? false
    targets = try json["targets"].elements().map { target in
      Target(
        tensor: try target["tensor"].string(), rows: try Self.segments(target, "rows"),
        columns: try Self.segments(target, "columns"),
        factors: try target[optional: "factors"]?.elements().map { try Factor(json: $0) } ?? [])
    }
  }

  private static func segments(_ json: JSON, _ name: String) throws -> [Segment]? {
    try json[optional: name]?.elements().map { segment in
      let parts = try segment.elements()
      guard parts.count == 2 else { throw ArchitectureTable.damaged(name) }
      let loops = try parts[1].elements().map { loop in
        let pair = try loop.elements()
        guard pair.count == 2 else { throw ArchitectureTable.damaged(name) }
        return Segment.Loop(
          count: try FieldExpression(text: pair[0].string()), stride: try FieldExpression(text: pair[1].string()))
      }
      return Segment(start: try FieldExpression(text: parts[0].string()), loops: loops)
    }
  }
}

extension ArchitectureTable.Rule.Factor {
  init(json: JSON) throws {
    let parts = try json.elements()
    guard parts.count == 2 else { throw ArchitectureTable.damaged("factors") }
    let count = try parts[0].string()
    rowCount = count == "*" ? nil : try FieldExpression(text: count)
    fields = try parts[1].elements().map { try $0.string() }
  }
}
