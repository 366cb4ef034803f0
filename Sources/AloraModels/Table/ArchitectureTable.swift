internal import AloraSystem
internal import AloraJSON

/// The traced table of architectures: how the weights of each Hugging Face class become GGUF tensors.
///
/// The table is part of the binary. It has one class or one rule in a line, so that a lookup parses only the lines that
/// it needs. `scripts/architectures` traces it; `schemas/architectures.schema.json` describes it.
struct ArchitectureTable {
  /// One class, or one variant of a class, of the table.
  struct Row {
    let huggingFaceName: String
    let modelType: String?
    /// `general.architecture`.
    let name: String
    let conditions: [Condition]
    /// Values of fields that config.json omits.
    let defaults: [String: FieldExpression]
    let tiesEmbeddings: Bool
    let ruleIndexes: [Int]
  }

  private let text: TableText

  init(text: TableText = TableText()) { self.text = text }

  /// The variants of a class. Their conditions are tried in this order.
  func rows(huggingFaceName name: String) throws -> [Row] {
    try rows(with: "\"class\":\"\(name)\"").filter { $0.huggingFaceName == name }
  }

  func rows(modelType: String) throws -> [Row] {
    try rows(with: "\"modelType\":\"\(modelType)\"").filter { $0.modelType == modelType }
  }

  /// Every class that becomes that GGUF architecture.
  func rows(architecture: String) throws -> [Row] {
    try rows(with: "\"architecture\":\"\(architecture)\"").filter { $0.name == architecture }
  }

  /// Every class, once, in the table's order.
  func huggingFaceNames() -> [String] {
    var names: [String] = []
    for line in text.lines(with: "{\"class\":") {
      let name = text.string(after: "\"class\":\"", in: line)
      if names.last != name { names.append(name) }
    }
    return names
  }

  /// Every GGUF architecture, once.
  func architectureNames() -> Set<String> {
    Set(text.lines(with: "{\"class\":").map { text.string(after: "\"architecture\":\"", in: $0) })
  }

  /// The rules with these numbers, in this order.
  func rules(_ numbers: [Int]) throws -> [Rule] {
    guard let last = numbers.max() else { return [] }
    guard let heading = text.line(with: "\"rules\": [") else { throw Self.damaged("rules") }
    let lines = text.lines(after: heading, count: last + 1)
    guard lines.count > last, (numbers.min() ?? 0) >= 0 else { throw Self.damaged("rule \(last)") }
    return try text.json(numbers.map { lines[$0] }).map { try Rule(json: $0) }
  }

  /// The tensors of an architecture that llama.cpp never applies an adapter to: `blk.{layer}.attn_q.weight`.
  func neverApplied(architecture: String) -> Set<String> {
    guard let line = text.line(with: "{\"neverApplied\":\"\(architecture)\""),
      let names = try? text.json([line])[0]["tensors"].elements().map({ try $0.string() })
    else { return [] }
    return Set(names.map { $0 + ".weight" })
  }

  private func rows(with member: String) throws -> [Row] {
    try text.json(text.lines(with: member)).map { try Row(json: $0) }
  }

  static func damaged(_ place: String) -> ArchitectureError {
    ArchitectureError(
      .unsupportedVariant, path: nil, place: place, problem: "the built-in table of architectures is damaged",
      remedy: "build alora again")
  }
}

extension ArchitectureTable.Row {
  init(json: JSON) throws {
    huggingFaceName = try json["class"].string()
    modelType = try json[optional: "modelType"]?.string()
    name = try json["architecture"].string()
    tiesEmbeddings = try json[optional: "tiesEmbeddings"]?.boolean() ?? false
    ruleIndexes = try json["rules"].integers(in: 0...(1 << 20))
    conditions = try json[optional: "when"]?.elements().map { try ArchitectureTable.Condition(json: $0) } ?? []
    var defaults: [String: FieldExpression] = [:]
    for (field, value) in try json[optional: "defaults"]?.members() ?? [] {
      defaults[field] =
        value.kind == .integer
        ? FieldExpression(constant: try value.integer()) : try FieldExpression(text: value.string())
    }
    self.defaults = defaults
  }
}
