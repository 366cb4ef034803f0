internal import AloraGGUF
internal import AloraJSON

extension Difference {
  /// What differs in the metadata, and whether they were compared as a whole.
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
      return (try adapterEntries(first, second), false)
    }
  }

  /// What a PEFT directory and a GGUF both say.
  private static func adapterEntries(_ first: Subject, _ second: Subject) throws -> [Entry] {
    guard let left = try first.adapter(), let right = try second.adapter() else { return [] }
    let fields: [(String, String, String)] = [
      ("alpha", "\(left.alpha)", "\(right.alpha)"),
      ("rank-stabilized", "\(left.isRankStabilized)", "\(right.isRankStabilized)"),
      ("invocation tokens", "\(left.invocationTokens ?? [])", "\(right.invocationTokens ?? [])"),
      ("base", left.base ?? "", right.base ?? ""),
    ]
    return fields.filter { !$0.1.utf8.elementsEqual($0.2.utf8) }.map {
      Entry(kind: .metadata, name: $0.0, first: $0.1, second: $0.2, largestDelta: nil)
    }
  }

  private static func ggufEntries(_ left: GGUFMetadata, _ right: GGUFMetadata) -> [Entry] {
    var entries: [Entry] = []
    for entry in left.entries {
      let other = right[entry.key]
      guard other != entry.value else { continue }
      entries.append(
        Entry(
          kind: .metadata, name: entry.key, first: entry.value.excerpt(), second: other?.excerpt(), largestDelta: nil))
    }
    for entry in right.entries where left[entry.key] == nil {
      entries.append(
        Entry(kind: .metadata, name: entry.key, first: nil, second: entry.value.excerpt(), largestDelta: nil))
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
        Entry(kind: .metadata, name: item.name, first: item.excerpt, second: other?.excerpt, largestDelta: nil))
    }
    for item in right.items where left[item.key] == nil {
      entries.append(Entry(kind: .metadata, name: item.name, first: nil, second: item.excerpt, largestDelta: nil))
    }
    return entries
  }
}
