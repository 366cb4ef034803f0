internal import AloraSystem
internal import AloraJSON

/// A configuration with the architecture that reads it.
struct ConfiguredArchitecture {
  let architecture: Architecture
  let reader: ConfigurationReader
}

/// The only searches of the list of architectures.
extension Architecture {
  /// The architecture of a configuration. A multimodal model is read by its text part.
  ///
  /// - Throws: ``JSONError``; ``ArchitectureError`` `unknownArchitecture`.
  static func find(configuration json: JSON) throws -> ConfiguredArchitecture {
    let classes = try json[optional: "architectures"]?.elements().map { try $0.string() } ?? []
    let modelType = try json[optional: "model_type"]?.string()
    let text = try json[optional: "text_config"]
    let textType = try text?[optional: "model_type"]?.string()
    if let wrapped = all.first(where: { known in
      known.names.wrappers.contains(where: classes.contains)
        && (textType ?? modelType).map(known.names.modelTypes.contains) ?? true
    }) {
      return ConfiguredArchitecture(wrapped, text ?? json, outer: json)
    }
    if let known = all.first(where: { $0.isNamed(by: classes, modelType) }) {
      // A wrapper's bare model, such as Qwen2VLModel, may have the name of its text model.
      let isWrapper = try text?.kind == .object && json[optional: "hidden_size"] == nil
      return ConfiguredArchitecture(known, isWrapper ? text ?? json : json, outer: isWrapper ? json : nil)
    }
    // Another wrapper: what its text part says of itself decides.
    if let text, modelType != "paligemma" {
      let textClasses = try text[optional: "architectures"]?.elements().map { try $0.string() } ?? []
      if let known = all.first(where: { $0.isNamed(by: textClasses, textType) }) {
        return ConfiguredArchitecture(known, text, outer: json)
      }
    }
    let found = classes.first ?? modelType ?? "of an unstated architecture"
    throw ArchitectureError(
      .unknownArchitecture, path: json.filePath, place: "$.architectures",
      problem: "the base is \(found)\(textType.map { " with the text model \($0)" } ?? ""), which is not supported",
      remedy: "supported are \(all.map(\.className).joined(separator: ", "))")
  }

  /// The architectures that a GGUF calls by a name; those of one name have the same layers.
  static func all(ggufName name: String) -> [Architecture] {
    all.filter { $0.names.gguf == name || $0.names.otherGGUF.contains(name) }
  }

  /// The names of all architectures in GGUF.
  static var ggufNames: [String] { Set(all.map(\.names.gguf)).sorted() }

  private static let heads = ["ForCausalLM", "Model", "ForSequenceClassification", "ForTokenClassification"]

  private func isNamed(by classes: [String], _ modelType: String?) -> Bool {
    if classes.isEmpty { return modelType.map(names.modelTypes.contains) ?? false }
    return Self.heads.contains { classes.contains(names.family + $0) }
  }
}

extension ConfiguredArchitecture {
  fileprivate init(_ architecture: Architecture, _ json: JSON, outer: JSON?) {
    self.architecture = architecture
    reader = ConfigurationReader(json: json, outer: outer, defaults: architecture.defaults)
  }
}
