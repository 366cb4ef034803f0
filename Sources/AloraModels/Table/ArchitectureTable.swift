internal import AloraSystem
internal import AloraJSON
internal import CArchitectureTable

/// The traced table of architectures: how the weights of each Hugging Face class become GGUF tensors.
///
/// The table is part of the binary. It has one class or one rule in a line, so that a lookup parses only the lines that
/// it needs. `scripts/architectures` traces it; `schemas/architectures.schema.json` describes it.
@safe struct ArchitectureTable {
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

  private let text: RawSpanText
  private let rows: [Range<Int>]
  private let rules: [Range<Int>]

  init() {
    text = RawSpanText()
    var rows: [Range<Int>] = []
    var rules: [Range<Int>] = []
    let ruleStart = Array("    {\"module\":".utf8)
    let rowStart = Array("    {\"class\":".utf8)
    for line in text.lines() {
      if text.has(rowStart, at: line.lowerBound) {
        rows.append(line)
      } else if text.has(ruleStart, at: line.lowerBound) {
        rules.append(line)
      }
    }
    self.rows = rows
    self.rules = rules
  }

  /// The variants of a class. Their conditions are tried in this order.
  func rows(huggingFaceName name: String) throws -> [Row] { try rows(with: "\"class\":\"\(name)\"") }

  func rows(modelType: String) throws -> [Row] { try rows(with: "\"modelType\":\"\(modelType)\"") }

  /// Every class that becomes that GGUF architecture.
  func rows(architecture: String) throws -> [Row] { try rows(with: "\"architecture\":\"\(architecture)\"") }

  /// Every class, once, in the table's order.
  func huggingFaceNames() -> [String] {
    var names: [String] = []
    for line in rows {
      let name = text.string(after: "\"class\":\"", in: line)
      if names.last != name { names.append(name) }
    }
    return names
  }

  /// Every GGUF architecture, once.
  func architectureNames() -> Set<String> { Set(rows.map { text.string(after: "\"architecture\":\"", in: $0) }) }

  /// The rules of a row, in its order.
  func rules(of row: Row) throws -> [Rule] {
    try row.ruleIndexes.map { index in
      guard rules.indices.contains(index) else { throw ArchitectureTable.damaged("rule \(index)") }
      return try Rule(json: text.json(rules[index]))
    }
  }

  /// The tensors of an architecture that llama.cpp never applies an adapter to: `blk.{layer}.attn_q.weight`.
  func neverApplied(architecture: String) -> Set<String> {
    let start = Array("    {\"neverApplied\":\"\(architecture)\"".utf8)
    guard let line = text.lines().last(where: { text.has(start, at: $0.lowerBound) }),
      let json = try? text.json(line), let names = try? json["tensors"].elements().map({ try $0.string() })
    else { return [] }
    return Set(names.map { $0 + ".weight" })
  }

  private func rows(with member: String) throws -> [Row] {
    let wanted = Array(member.utf8)
    return try rows.filter { text.contains(wanted, in: $0) }.map { try Row(json: text.json($0)) }
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

/// The table's text: bytes of the binary, read by offset.
@safe struct RawSpanText {
  // Safe: the bytes are a constant of the binary, and every offset below stays within `count`.
  private nonisolated(unsafe) let start: UnsafePointer<UInt8>
  let count: Int

  init() {
    unsafe start = alora_architecture_table()
    count = alora_architecture_table_count()
  }

  func has(_ bytes: [UInt8], at offset: Int) -> Bool {
    guard offset >= 0, offset + bytes.count <= count else { return false }
    for index in bytes.indices where unsafe start[offset + index] != bytes[index] { return false }
    return true
  }

  func contains(_ bytes: [UInt8], in line: Range<Int>) -> Bool {
    guard let first = bytes.first, line.count >= bytes.count else { return false }
    for offset in line.lowerBound...(line.upperBound - bytes.count) where unsafe start[offset] == first {
      if has(bytes, at: offset) { return true }
    }
    return false
  }

  func lines() -> [Range<Int>] {
    var lines: [Range<Int>] = []
    var first = 0
    for offset in 0..<count where unsafe start[offset] == 0x0A {
      lines.append(first..<offset)
      first = offset + 1
    }
    return lines
  }

  /// The text after `prefix` in the line, up to the next quote.
  func string(after prefix: String, in line: Range<Int>) -> String {
    let wanted = Array(prefix.utf8)
    for offset in line where has(wanted, at: offset) {
      var bytes: [UInt8] = []
      for index in (offset + wanted.count)..<line.upperBound {
        let byte = unsafe start[index]
        if byte == UInt8(ascii: "\"") { break }
        bytes.append(byte)
      }
      return String(decoding: bytes, as: UTF8.self)
    }
    return ""
  }

  /// The line as a JSON value; the comma at its end is left out.
  func json(_ line: Range<Int>) throws -> JSON {
    var bytes: [UInt8] = []
    bytes.reserveCapacity(line.count)
    for offset in line { bytes.append(unsafe start[offset]) }
    if bytes.last == UInt8(ascii: ",") { bytes.removeLast() }
    return try JSONDocument(parsing: unsafe bytes.span.bytes).root
  }
}
