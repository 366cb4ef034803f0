internal import AloraGGUF
internal import AloraJSON

extension BaseModel.StatedName {
  /// `_name_or_path`, as transformers before 5 wrote it, or the name in the path of a file in Hugging Face's cache.
  init?(configuration json: JSON) throws {
    if let name = try json[optional: "_name_or_path"]?.string(), Self.isIdentifier(name) {
      self.init(name: name, isWhole: true)
      return
    }
    guard let name = json.filePath.flatMap(HubCache.repository), Self.isIdentifier(name) else { return nil }
    self.init(name: name, isWhole: true)
  }

  /// The family and the size, or else the name, that a GGUF gives.
  init?(_ metadata: GGUFMetadata) {
    func text(_ key: String) -> String? {
      guard let value = try? metadata.string(ifPresent: key), !value.isEmpty else { return nil }
      return value
    }
    if let family = text("general.basename"), let size = text("general.size_label") {
      self.init(
        name: [family, size, text("general.finetune")].compactMap { $0 }.joined(separator: "-"), isWhole: false)
    } else if let name = text("general.name") {
      self.init(name: name, isWhole: false)
    } else {
      return nil
    }
  }

  /// `org/name`, and no path.
  private static func isIdentifier(_ name: String) -> Bool {
    let parts = name.split(separator: "/", omittingEmptySubsequences: false)
    return parts.count == 2 && parts.allSatisfy { !$0.isEmpty && !$0.hasPrefix(".") && !$0.hasPrefix("~") }
  }
}
