internal import AloraGGUF
internal import AloraJSON

extension Difference {
  /// The differences of the metadata, and whether all of it was compared.
  static func metadataEntries(_ first: Subject, _ second: Subject) throws -> (entries: [Entry], isWhole: Bool) {
    switch (first, second) {
    case (.gguf(let left), .gguf(let right)):
      return (ggufEntries(left.metadata, right.metadata), true)
    case (.adapterDirectory(let left), .adapterDirectory(let right)):
      return try (textEntries(MetadataTexts(adapter: left), MetadataTexts(adapter: right)), true)
    case (.baseDirectory(let left), .baseDirectory(let right)):
      return try (textEntries(MetadataTexts(base: left), MetadataTexts(base: right)), true)
    case (.safetensors(let left), .safetensors(let right)):
      return (textEntries(MetadataTexts(safetensors: left), MetadataTexts(safetensors: right)), true)
    default:
      return ([], false)
    }
  }

  private static func ggufEntries(_ left: GGUFMetadata, _ right: GGUFMetadata) -> [Entry] {
    var entries: [Entry] = []
    for entry in left.entries {
      let other = right[entry.key]
      guard other != entry.value else { continue }
      var (first, second) = (entry.value.excerpt(), other?.excerpt())
      // Values of two types may look the same, and llama.cpp reads only one of them.
      if let other, first == second || other.typeName != entry.value.typeName {
        (first, second) = ("\(first) (\(entry.value.typeName))", "\(other.excerpt()) (\(other.typeName))")
      }
      entries.append(Entry(.metadata, entry.key, first: .metadata(first), second: second.map { .metadata($0) }))
    }
    for entry in right.entries where left[entry.key] == nil {
      entries.append(Entry(.metadata, entry.key, second: .metadata(entry.value.excerpt())))
    }
    return entries
  }

  /// In the order of the first, then what only the second has.
  private static func textEntries(_ left: MetadataTexts, _ right: MetadataTexts) -> [Entry] {
    var entries: [Entry] = []
    for item in left.items {
      let other = right[item.key]
      if let other, other.text.utf8.elementsEqual(item.text.utf8) { continue }
      entries.append(
        Entry(.metadata, item.name, first: .metadata(item.excerpt), second: other.map { .metadata($0.excerpt) }))
    }
    for item in right.items where left[item.key] == nil {
      entries.append(Entry(.metadata, item.name, second: .metadata(item.excerpt)))
    }
    return entries
  }
}
