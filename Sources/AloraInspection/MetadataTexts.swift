internal import AloraModels
internal import AloraJSON
internal import AloraAdapters
internal import AloraSafetensors

/// Metadata as texts by name, in a file's order; equal values have equal texts.
///
/// Names and texts are compared by their bytes, because `String` treats canonically equal ones as the same.
struct MetadataTexts {
  struct Item {
    /// The names on the path to the value, separated by zero bytes, which no name contains.
    let key: [UInt8]
    /// `rope_scaling.factor`.
    let name: String
    let text: String

    /// The text, cut to a readable length.
    var excerpt: String { text.count > 72 ? "\(text.prefix(72))…" : text }
  }

  private(set) var items: [Item] = []
  private var indices: [[UInt8]: Int] = [:]
  /// Stands for a missing value.
  private let absent: Set<String>

  subscript(key: [UInt8]) -> Item? { indices[key].map { items[$0] } }

  private mutating func add(_ path: [String], text: String) {
    guard !absent.contains(text) else { return }
    let key = [UInt8](path.joined(separator: "\0").utf8)
    indices[key] = items.count
    items.append(Item(key: key, name: path.joined(separator: "."), text: text))
  }

  /// Flattens a value: an object's members, or the value itself.
  private mutating func add(_ path: [String], _ value: JSON) throws {
    let members = try value.kind == .object ? value.members() : []
    if members.isEmpty { add(path, text: try Self.text(value)) }
    for member in members { try add(path + [member.name], member.value) }
  }
}

// MARK: - What is compared

extension MetadataTexts {
  /// The first match in them wins, so their order matters.
  private static let ordered: Set<String> = ["alpha_pattern", "rank_pattern"]
  /// Sets, which PEFT writes in any order, or lists that it only looks into.
  private static let unordered: Set<String> = [
    "target_modules", "exclude_modules", "modules_to_save", "layers_to_transform",
  ]

  /// All of adapter_config.json. A feature that is off counts as missing, because older versions of PEFT don't write its field.
  ///
  /// - Throws: ``FileError``, ``JSONError``.
  init(adapter: AdapterDirectory) throws {
    absent = ["null", "false", "\"\"", "[]", "{}"]
    for (name, value) in try JSONDocument(path: adapter.configurationPath).root.members() {
      if Self.ordered.contains(name) {
        add([name], text: try Self.text(value))
      } else if Self.unordered.contains(name), value.kind == .array {
        add([name], text: try Self.text(value, isSorted: true))
      } else {
        try add([name], value)
      }
    }
  }

  /// All of the model's configuration.
  ///
  /// - Throws: ``FileError``, ``JSONError``.
  init(base: BaseDirectory) throws {
    absent = ["null"]
    for (name, value) in try base.source.configuration()?.members() ?? [] { try add([name], value) }
  }

  /// The `__metadata__` of all files: one text for each key, or a list if the files disagree.
  init(safetensors set: SafetensorsFileSet) {
    absent = []
    let tables: [[[UInt8]: String]] = set.files.map { file in
      Dictionary(file.metadata.map { ([UInt8]($0.key.utf8), Self.quoted($0.value)) }) { first, _ in first }
    }
    let keys = Set(tables.flatMap(\.keys)).sorted { $0.lexicographicallyPrecedes($1) }
    for key in keys {
      let texts = tables.map { $0[key] ?? "null" }
      let agree = texts.allSatisfy { $0.utf8.elementsEqual(texts[0].utf8) }
      add([String(decoding: key, as: UTF8.self)], text: agree ? texts[0] : Self.list(texts))
    }
  }
}

// MARK: - Texts

extension MetadataTexts {
  /// The value as compact JSON, numbers by value.
  private static func text(_ value: JSON, isSorted: Bool = false) throws -> String {
    switch value.kind {
    case .array:
      let texts = try value.elements().map { try text($0) }
      return list(isSorted ? texts.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) } : texts)
    case .object:
      var texts: [String] = []
      for (name, member) in try value.members() {
        let inner = try text(member)
        texts.append("\(quoted(name)): \(inner)")
      }
      return "{\(texts.joined(separator: ", "))}"
    case .integer, .number: return number(value)
    case .null, .boolean, .string: return value.serialized
    }
  }

  private static func list(_ texts: [String]) -> String { "[\(texts.joined(separator: ", "))]" }

  private static func quoted(_ text: String) -> String { JSONValue.string(text).serialized(isPretty: false) }

  /// 32.0 becomes 32, too. Integers beyond a double's precision, NaN and infinities keep their spelling.
  private static func number(_ value: JSON) -> String {
    guard let number = try? value.number() else { return value.serialized }
    if abs(number) < 0x1p53 { return number == number.rounded() ? "\(Int(number))" : "\(number)" }
    return value.kind == .integer ? value.serialized : "\(number)"
  }
}
