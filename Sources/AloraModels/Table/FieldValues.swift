internal import AloraJSON

/// The numbers that a table's expressions ask for, from a config.json.
struct ConfigurationFields {
  private let sections: [JSON]
  private let defaults: [String: FieldExpression]

  /// - Parameter defaults: values of fields that the file omits.
  init(json: JSON, defaults: [String: FieldExpression]) throws {
    sections = try Self.sections(json)
    self.defaults = defaults
  }

  /// The parts that describe the language model, the innermost first.
  private static func sections(_ json: JSON) throws -> [JSON] {
    var sections = [json]
    for name in ["thinker_config", "text_config", "llm_config", "language_config"] {
      if let inner = try sections[0][optional: name], inner.kind == .object { sections.insert(inner, at: 0) }
    }
    return sections
  }

  /// The field, from any part; nil if it is missing or null.
  func json(_ name: String) throws -> JSON? {
    for section in sections {
      var value: JSON? = section
      for part in name.split(separator: ".") {
        switch value?.kind {
        case .object: value = try value?[optional: String(part)]
        case .array:
          let elements = try value?.elements() ?? []
          value = Int(part).flatMap { elements.indices.contains($0) ? elements[$0] : nil }
        default: value = nil
        }
      }
      if let value, !value.isNull { return value }
    }
    return nil
  }

  /// A whole number. A list, one for each layer, counts if all of its numbers are the same.
  func integer(_ name: String) -> Int? { integer(name, depth: 0) }

  /// Any number; nil if it is missing.
  func number(_ name: String) -> Double? { ((try? json(name)) ?? nil).flatMap { try? $0.number() } }

  private func integer(_ name: String, depth: Int) -> Int? {
    if let value = (try? json(name)) ?? nil {
      let range = 0...Hyperparameters.extent.upperBound
      if value.kind == .array {
        guard let numbers = try? value.integers(in: range), let first = numbers.first,
          numbers.allSatisfy({ $0 == first })
        else { return nil }
        return first
      }
      return try? value.integer(in: range)
    }
    guard depth < 4, let expression = defaults[name] else { return nil }
    return expression.value { integer($0, depth: depth + 1) }
  }
}

extension ArchitectureTable {
  /// A condition on the configuration for a row to apply.
  enum Condition: Hashable, Sendable {
    case absent(field: String)
    case isTrue(field: String)
    case equals(field: String, Int)
    /// A list without any of these.
    case lacks(field: String, [String])

    init(json: JSON) throws {
      let parts = try json.elements().map { try $0.string() }
      guard parts.count >= 2 else { throw ArchitectureTable.damaged("when") }
      switch parts[1] {
      case "absent": self = .absent(field: parts[0])
      case "true": self = .isTrue(field: parts[0])
      case "lacks": self = .lacks(field: parts[0], Array(parts.dropFirst(2)))
      default:
        guard let number = Int(parts[1]) else { throw ArchitectureTable.damaged("when") }
        self = .equals(field: parts[0], number)
      }
    }

    func holds(for fields: ConfigurationFields) throws -> Bool {
      switch self {
      case .absent(let field): return try fields.json(field) == nil
      case .isTrue(let field): return try fields.json(field)?.boolean() ?? false
      case .equals(let field, let number): return (fields.integer(field) ?? 0) == number
      case .lacks(let field, let words):
        guard let list = try fields.json(field) else { return false }
        return try list.elements().allSatisfy { !words.contains(try $0.string()) }
      }
    }
  }
}
