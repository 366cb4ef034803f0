internal import AloraAdapters
internal import AloraGGUF
internal import AloraJSON
internal import AloraModelCard
internal import AloraSystem

/// A value for one of a GGUF's `general.*` keys, as text.
///
/// A key keeps the type that it has. A key that the file doesn't have gets the type that the reference writes it in. An
/// empty value removes the key. Lists are JSON arrays.
package struct GeneralKeySetting: Hashable, Sendable {
  package let key: String
  package let value: String

  /// Splits `KEY=VALUE` at the first `=`; nil if there is none.
  package init?(_ text: String) {
    guard let index = text.firstIndex(of: "="), index != text.startIndex else { return nil }
    key = String(text[..<index])
    value = String(text[text.index(after: index)...])
  }

  private static let prefix = "general."
  private static let texts: Set = [
    "name", "author", "version", "organization", "finetune", "basename", "description", "quantized_by", "size_label",
    "license", "license.name", "license.link", "url", "doi", "uuid", "repo_url", "source.url", "source.doi",
    "source.uuid", "source.repo_url",
  ]

  func error(_ path: String, _ problem: String, _ remedy: Remedy? = nil) -> ConversionError {
    ConversionError(.invalidKey, path: path, place: "key \(key)", problem: problem, remedy: remedy)
  }

  /// - Throws: ``ConversionError`` `invalidKey`.
  func apply(to metadata: inout GGUFMetadata, path: String) throws(ConversionError) {
    guard key.hasPrefix(Self.prefix), key.utf8.count > Self.prefix.utf8.count else {
      throw error(
        path, "only \(Self.prefix)* keys can be set: the others change what the weights mean",
        "convert the adapter again to change its scaling or its invocation")
    }
    guard !GGUFAdapterFormat.Key.ofWeights.contains(key) else {
      throw error(path, "it says what the weights are or how the file is read, so it can't be set")
    }
    if value.isEmpty {
      metadata[key] = nil
      return
    }
    let old = metadata[key]
    guard let type = old?.type ?? Self.type(key) else {
      throw error(path, "the file doesn't have it, and its type isn't known", "check the key's name")
    }
    let element: GGUFValueType = if case .array(let array)? = old { array.elementType } else { .string }
    guard let parsed = parsed(type, element: element) else {
      throw error(
        path, "'\(value)' is not a value of its type, \(old?.typeName ?? (type == .array ? "arr[str]" : type.name))",
        type == .array ? "write a list as a JSON array: [\"a\", \"b\"]" : nil)
    }
    metadata[key] = parsed
  }

  /// The type of a key that the file doesn't have.
  private static func type(_ key: String) -> GGUFValueType? {
    let name = key.dropFirst(prefix.count)
    if texts.contains(String(name)) { return .string }
    if name == "tags" || name == "languages" { return .array }
    let parts = name.split(separator: ".", omittingEmptySubsequences: false)
    guard let head = parts.first, head == "base_model" || head == "dataset" else { return nil }
    if parts.count == 2, parts[1] == "count" { return .uint32 }
    return parts.count == 3 && UInt16(parts[1]) != nil && AdapterIdentity.modelFields.contains(String(parts[2]))
      ? .string : nil
  }

  private func parsed(_ type: GGUFValueType, element: GGUFValueType) -> GGUFValue? {
    switch type {
    case .string: .string(value)
    case .array: array(of: element)
    default: Self.scalar(type, value)
    }
  }

  private static func scalar(_ type: GGUFValueType, _ text: String) -> GGUFValue? {
    switch type {
    case .uint8: UInt8(text).map { .uint8($0) }
    case .int8: Int8(text).map { .int8($0) }
    case .uint16: UInt16(text).map { .uint16($0) }
    case .int16: Int16(text).map { .int16($0) }
    case .uint32: UInt32(text).map { .uint32($0) }
    case .int32: Int32(text).map { .int32($0) }
    case .uint64: UInt64(text).map { .uint64($0) }
    case .int64: Int64(text).map { .int64($0) }
    case .float32: Float(text).flatMap { $0.isFinite ? .float32($0) : nil }
    case .float64: Double(text).flatMap { $0.isFinite ? .float64($0) : nil }
    case .bool: ["true": .bool(true), "false": .bool(false)][text]
    case .string: .string(text)
    case .array: nil
    }
  }

  private func array(of element: GGUFValueType) -> GGUFValue? {
    let bytes = [UInt8](value.utf8)
    guard let elements = try? JSONDocument(parsing: unsafe bytes.span.bytes).root.elements() else { return nil }
    var values: [GGUFValue] = []
    for json in elements {
      let text: String? = json.kind == .string ? try? json.string() : element == .string ? nil : json.serialized
      guard let value = text.flatMap({ Self.scalar(element, $0) }) else { return nil }
      values.append(value)
    }
    return GGUFArray(elementType: element, values).map { .array($0) }
  }
}
