internal import AloraYAML

/// The README.md of an adapter that is written from what its GGUF records, so that converting it again records the same.
package struct ModelCardText: Sendable {
  /// The front matter and a title.
  package let text: String
  /// Keys that a card has no field for.
  package let lostKeys: [String]

  /// - Parameters:
  ///   - entries: the `general.*` keys that say who made the adapter and from what, in the file's order.
  ///   - weightCount: the weights that the adapter changes.
  package init(_ entries: [AdapterIdentity.Entry], weightCount: Int) {
    guard !entries.isEmpty else {
      (self.text, lostKeys) = ("# Adapter\n", [])
      return
    }
    var values: [String: AdapterIdentity.Value] = [:]
    for entry in entries { values[entry.key] = entry.value }
    var lines = ["---"]
    var known: Set<String> = []
    func text(_ key: String) -> String? {
      guard case .string(let text)? = values[key] else { return nil }
      known.insert(key)
      return text
    }
    for (key, field) in Self.texts {
      if let text = text("general.\(key)") { lines.append("\(field): \(quoted(text))") }
    }
    // What is missing would be guessed from the name of the directory.
    for field in Self.guessed where values["general.\(field)"] == nil { lines.append("\(field): \"\"") }
    for (prefix, field) in [("general.base_model", "base_model"), ("general.dataset", "datasets")] {
      let models = Self.models(prefix, values, weightCount: weightCount, known: &known)
      if let models { lines += Self.list(field, models) }
    }
    for (key, field) in [("general.tags", "tags"), ("general.languages", "language")] {
      guard case .strings(let texts)? = values[key] else { continue }
      known.insert(key)
      lines += Self.list(field, texts.map { [quoted($0)] })
    }
    lines += ["---", "", "# \(Self.title(values["general.name"]))", ""]
    self.text = lines.joined(separator: "\n")
    lostKeys = entries.map(\.key).filter { !known.contains($0) }
  }

  /// Keys of one text, and the fields of a card that are read into them.
  private static let texts: KeyValuePairs = [
    "name": "name", "author": "author", "version": "version", "organization": "organization", "finetune": "finetune",
    "basename": "basename", "description": "description", "size_label": "size_label", "license": "license",
    "license.name": "license_name", "license.link": "license_link", "source.url": "url", "source.doi": "doi",
    "source.uuid": "uuid", "source.repo_url": "repo_url",
  ]
  private static let guessed = ["version", "organization", "finetune", "basename", "size_label"]

  private static func title(_ name: AdapterIdentity.Value?) -> String {
    guard case .string(let text)? = name else { return "Adapter" }
    return text.split { $0.isNewline }.first.map(String.init) ?? "Adapter"
  }

  private static func list(_ field: String, _ items: [[String]]) -> [String] {
    items.isEmpty
      ? ["\(field): []"]
      : ["\(field):"] + items.flatMap { lines in lines.enumerated().map { "\($0 == 0 ? "-" : " ") \($1)" } }
  }

  /// The models or data sets under a prefix, each as its Hub id if that says everything about it, else as fields.
  private static func models(
    _ prefix: String, _ values: [String: AdapterIdentity.Value], weightCount: Int, known: inout Set<String>
  ) -> [[String]]? {
    guard case .uint32(let count)? = values["\(prefix).count"], count <= YAMLValue.itemLimit else { return nil }
    known.insert("\(prefix).count")
    return (0..<Int(count)).map { index in
      var fields: [(name: String, text: String)] = []
      for field in AdapterIdentity.modelFields {
        let key = "\(prefix).\(index).\(field)"
        guard case .string(let text)? = values[key] else { continue }
        known.insert(key)
        fields.append((field, text))
      }
      let hub = AdapterIdentity.hub
      if let address = fields.first(where: { $0.name == "repo_url" })?.text, address.hasPrefix(hub) {
        let identifier = String(address.dropFirst(hub.count))
        let isWhole = AdapterIdentity.modelFields.allSatisfy { field in
          AdapterIdentity.field(field, of: .text(identifier), weightCount: weightCount)
            == fields.first { $0.name == field }?.text
        }
        if isWhole { return [quoted(identifier)] }
      }
      return fields.isEmpty ? ["{}"] : fields.map { "\($0.name): \(quoted($0.text))" }
    }
  }
}

/// A double-quoted scalar of YAML. Everything but printable characters of one line is escaped.
private func quoted(_ text: String) -> String {
  var result = "\""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "\"": result += "\\\""
    case "\\": result += "\\\\"
    case "\u{0}"..<" ", "\u{7F}"..."\u{A0}", "\u{2028}", "\u{2029}", "\u{FEFF}":
      let digits = String(scalar.value, radix: 16)
      result += "\\u" + String(repeating: "0", count: 4 - digits.count) + digits
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result + "\""
}
