internal import AloraSystem
internal import AloraYAML

/// Who made an adapter, from what, and under which terms: the `general.*` keys of its GGUF.
///
/// Source: llama.cpp `gguf-py/gguf/metadata.py` (`Metadata`), for the keys, their order and where they come from. The
/// fallback to `base_model_name_or_path`, for cards that name no base, is ours. So is leaving out bases that are paths.
package struct AdapterIdentity: Hashable, Sendable {
  package enum Value: Hashable, Sendable {
    case string(String)
    case strings([String])
    case uint32(UInt32)
  }

  package struct Entry: Hashable, Sendable {
    package let key: String
    package let value: Value

    package init(key: String, value: Value) {
      self.key = key
      self.value = value
    }
  }

  /// What isn't recorded, and why.
  package enum Note: Hashable, Sendable {
    /// The front matter of README.md isn't YAML that can be read; an error's problem.
    case cardUnusable(problem: String)
    /// README.md can't be read; an error's text.
    case cardUnreadable(error: String)
    /// A path of the machine that trained the adapter names the base.
    case localBase(path: String)
  }

  /// In the reference's order.
  package private(set) var entries: [Entry] = []
  /// What the user may want to know about where these came from.
  package private(set) var notes: [Note] = []

  private var card = YAMLValue.null
  private var fields: [String: String] = [:]
  /// Bases that are named by a path of some machine, and so not recorded.
  private var localPaths: [String] = []

  /// - Parameters:
  ///   - directory: the adapter's directory; its README.md is the model card.
  ///   - baseModelName: `base_model_name_or_path` of the adapter's configuration.
  ///   - baseModelID: the base that the user names, before all others.
  ///   - weightCount: the weights that the adapter changes.
  package init(directory: String, baseModelName: String?, baseModelID: String?, weightCount: Int) {
    readCard(directory + "/README.md")
    readFields()
    var bases = withoutPaths(card.firstPresent(of: ["base_model", "base_models", "base_model_sources"]))
    if let baseModelID {
      bases = .text(baseModelID)
    } else if let baseModelName, [nil, .null, .text(""), .list([])].contains(bases) {
      bases = usableBase(baseModelName) ?? bases
    }
    addNames(directory: directory, weightCount: weightCount)
    addTexts([
      ("name", "name"), ("author", "author"), ("version", "version"), ("organization", "organization"),
      ("finetune", "finetune"), ("basename", "basename"), ("description", "description"), ("size_label", "size_label"),
    ])
    if let license = card["license"]?.texts { add("general.license", .string(license.joined(separator: ","))) }
    for key in ["license_name", "license_link"] {
      if let text = card[key]?.text { add("general.\(key.replacing("_", with: "."))", .string(text)) }
    }
    addTexts([
      ("source_url", "source.url"), ("source_doi", "source.doi"), ("source_uuid", "source.uuid"),
      ("source_repo_url", "source.repo_url"),
    ])
    addModels(bases, "general.base_model", weightCount: weightCount)
    addModels(
      card.firstPresent(of: ["datasets", "dataset", "dataset_sources"]), "general.dataset", weightCount: weightCount)
    var tags: [String] = []
    for tag in texts(of: ["tags", "pipeline_tag"]) where !setsAsideTag(tag) { tags.append(tag) }
    add("general.tags", .strings(tags))
    add("general.languages", .strings(texts(of: ["languages", "language"])))
    if baseModelID == nil { notes += localPaths.map { .localBase(path: $0) } }
  }

  /// The file name of GGUF's naming convention: `Name-Size-Finetune-Version-F32-LoRA.gguf`.
  ///
  /// Source: llama.cpp `gguf-py/gguf/utility.py` (`naming_convention`).
  package func defaultFileName(outputType: String) -> String {
    // Slashes and what cannot be seen have no place in a file's name.
    func cleaned(_ text: String) -> String {
      let trimmed = text.drop(while: \.isWhitespace).reversed().drop(while: \.isWhitespace).reversed()
      return String(trimmed.map { $0 == "/" || $0.isWhitespace || $0.isControl ? "-" : $0 })
    }
    let head = cleaned(fields["basename"] ?? fields["name"] ?? "")
    let rest = ["size_label", "finetune", "version"].compactMap { fields[$0] }.map { "-" + cleaned($0) }.joined()
    let name = "\(head.isEmpty ? "adapter" : head)\(rest)-\(outputType.uppercased())-LoRA.gguf"
    return name.hasPrefix(".") ? "adapter" + name : name
  }
}

extension Character {
  fileprivate var isControl: Bool {
    unicodeScalars.contains { [.control, .format, .lineSeparator].contains($0.properties.generalCategory) }
  }
}

// MARK: - The card

extension AdapterIdentity {
  private static let cardByteLimit = 1 << 20

  private mutating func readCard(_ path: String) {
    guard FileSystem.kind(of: path) == .regularFile else { return }
    do {
      let file = try MappedFile(path: path)
      let text = String(decoding: try file.read(0..<min(file.byteCount, Self.cardByteLimit)), as: UTF8.self)
      guard let yaml = Self.frontMatter(of: text) else { return }
      let value = try YAMLValue(parsing: yaml)
      guard case .map = value else { throw YAMLError(problem: "it isn't a mapping of fields") }
      card = value
    } catch let error as YAMLError {
      notes.append(.cardUnusable(problem: error.problem))
    } catch { notes.append(.cardUnreadable(error: "\(error)")) }
  }

  /// The lines between the first two lines of three dashes.
  private static func frontMatter(of text: String) -> String? {
    // Windows editors begin UTF-8 with a byte order mark.
    let scalars = text.unicodeScalars
    let text = scalars.first == "\u{FEFF}" ? String(scalars.dropFirst()) : text
    var lines = text.split(omittingEmptySubsequences: false) { $0.isNewline }.makeIterator()
    guard lines.next() == "---" else { return nil }
    var yaml = ""
    while let line = lines.next(), line != "---" { yaml += line.replacing("\t", with: "  ") + "\n" }
    return yaml
  }

  /// The single fields, each under the first of its names that the card has.
  private mutating func readFields() {
    let names: KeyValuePairs<String, [String]> = [
      "name": ["name", "model_name"], "author": ["author", "model_author", "model_creator"],
      "version": ["version", "model_version"], "organization": ["organization", "model_organization"],
      "description": ["description", "model_description"], "finetune": ["finetune", "model_finetune"],
      "basename": ["basename", "model_basename", "model_type"], "size_label": ["size_label", "model_size_label"],
      "source_url": ["url", "model_url"], "source_doi": ["doi", "model_doi"], "source_uuid": ["uuid", "model_uuid"],
      "source_repo_url": ["repo_url", "model_repo_url"],
    ]
    for (field, keys) in names { fields[field] = keys.compactMap { card[$0]?.text }.first }
  }

  /// What the card leaves open is taken from the directory's name.
  private mutating func addNames(directory: String, weightCount: Int) {
    let path = FileSystem.canonicalPath(directory) ?? directory
    let folder = path.split(separator: "/").last.map(String.init) ?? "adapter"
    let identifier = ModelIdentifier(folder, weightCount: weightCount)
    // The one key that every GGUF has: an empty name in the card does not count.
    if fields["name"]?.isEmpty ?? true { fields["name"] = identifier.name.map(ModelIdentifier.title(of:)) ?? folder }
    fields["organization"] = fields["organization"] ?? identifier.organization.map(ModelIdentifier.title(of:))
    fields["basename"] = fields["basename"] ?? identifier.basename
    fields["finetune"] = fields["finetune"] ?? identifier.finetune
    fields["version"] = fields["version"] ?? identifier.version
    fields["size_label"] = fields["size_label"] ?? identifier.sizeLabel
  }

  private func texts(of names: [String]) -> [String] { names.flatMap { card[$0]?.texts ?? [] } }
}

// MARK: - Bases named by a path

extension AdapterIdentity {
  /// The configuration's base if it is a Hub id. A path on the machine that trained the adapter means nothing to anybody
  /// else, and gives away details of that machine.
  private mutating func usableBase(_ name: String) -> YAMLValue? {
    setsAside(name) || !name.contains("/") ? nil : .text(name)
  }

  /// The card's bases, except the local paths that PEFT also writes there; nil if nothing else is left.
  private mutating func withoutPaths(_ bases: YAMLValue?) -> YAMLValue? {
    switch bases {
    case .text(let name): return setsAside(name) ? nil : bases
    case .list(let values):
      var usable: [YAMLValue] = []
      for value in values {
        if let name = value.text, setsAside(name) { continue }
        usable.append(value)
      }
      return usable.isEmpty && !values.isEmpty ? nil : .list(usable)
    default: return bases
    }
  }

  /// Whether a tag names the base by a local path: `base_model:PATH`, `base_model:adapter:PATH`.
  private mutating func setsAsideTag(_ tag: String) -> Bool {
    let prefix = "base_model:"
    guard tag.hasPrefix(prefix) else { return false }
    var name = tag.dropFirst(prefix.count)
    for relation in ["adapter:", "finetune:", "merge:", "quantized:"] where name.hasPrefix(relation) {
      name = name.dropFirst(relation.count)
      break
    }
    return setsAside(String(name))
  }

  /// Whether a name is a local path, which is then kept for the notes.
  private mutating func setsAside(_ name: String) -> Bool {
    guard Self.isLocalPath(name) else { return false }
    if !localPaths.contains(name) { localPaths.append(name) }
    return true
  }

  /// Whether a name has separators, and is neither an address nor a hub id (`org/name`).
  private static func isLocalPath(_ name: String) -> Bool {
    guard name.contains("/") || name.contains("\\"), !isAddress(name) else { return false }
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    let isWindows = name.contains("\\") || name.dropFirst().first == ":"
    return parts.count != 2 || parts.contains("") || name.hasPrefix(".") || name.hasPrefix("~") || isWindows
  }

  private static func isAddress(_ text: String) -> Bool {
    ["http://", "https://", "ssh://"].contains { text.hasPrefix($0) }
  }
}

// MARK: - Entries

extension AdapterIdentity {
  /// Adds an entry; empty texts and lists are left out, as the reference's writer does.
  private mutating func add(_ key: String, _ value: Value) {
    switch value {
    case .string(""), .strings([]): break
    default: entries.append(Entry(key: key, value: value))
    }
  }

  private mutating func addTexts(_ keys: [(field: String, key: String)]) {
    for (field, key) in keys {
      if let text = fields[field] { add("general.\(key)", .string(text)) }
    }
  }

  /// The models or data sets that the adapter was made from, each with what its name or its entry says.
  private mutating func addModels(_ value: YAMLValue?, _ prefix: String, weightCount: Int) {
    let models: [YAMLValue]
    switch value {
    case .list(let values): models = values
    case .text: models = value.map { [$0] } ?? []
    case nil: return
    // Written as the reference writes it: a card that names the field and no model.
    default: models = []
    }
    add("\(prefix).count", .uint32(UInt32(clamping: models.count)))
    for (index, model) in models.enumerated() {
      for field in Self.modelFields {
        if let text = Self.field(field, of: model, weightCount: weightCount) {
          add("\(prefix).\(index).\(field)", .string(text))
        }
      }
    }
  }

  /// The address of the Hugging Face Hub, before `org/name`.
  package static let hub = "https://huggingface.co/"

  /// What is recorded about a model or a data set, in the reference's order.
  package static let modelFields = [
    "name", "author", "version", "organization", "description", "url", "doi", "uuid", "repo_url",
  ]

  static func field(_ field: String, of model: YAMLValue, weightCount: Int) -> String? {
    guard let text = model.text else { return model[field]?.text }
    let isURL = isAddress(text)
    let identifier = isURL ? hubIdentifier(text) : text
    if field == "repo_url" && isURL { return text }
    guard let identifier else { return nil }
    let parts = ModelIdentifier(identifier, weightCount: weightCount)
    switch field {
    case "name": return parts.name.map(ModelIdentifier.title(of:))
    case "organization": return parts.organization.map(ModelIdentifier.title(of:))
    case "version": return parts.version
    case "repo_url":
      guard let organization = parts.organization, let name = parts.name else { return nil }
      return "\(hub)\(organization)/\(name)"
    default: return nil
    }
  }

  /// `org/name` of a hub address of exactly that depth.
  private static func hubIdentifier(_ url: String) -> String? {
    for prefix in [hub, "http://huggingface.co/"] where url.hasPrefix(prefix) {
      let rest = url.dropFirst(prefix.count)
      let parts = rest.split(separator: "/", omittingEmptySubsequences: false)
      return parts.count == 2 && !parts.contains("") ? String(rest) : nil
    }
    return nil
  }
}
