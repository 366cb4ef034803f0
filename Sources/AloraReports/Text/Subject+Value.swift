internal import AloraAdapters
package import AloraInspection
internal import AloraGGUF
internal import AloraJSON
internal import AloraModels
internal import AloraNPZ
internal import AloraSafetensors
internal import AloraTensors

extension Subject {
  /// Twice what the largest vocabularies have in one array.
  private static let shownElementLimit = 1 << 21

  /// The value of one key, whole: of a GGUF's metadata, a configuration, or an archive's array.
  ///
  /// - Parameter asJSON: whether a text has quotes.
  /// - Returns: nil if there is no such key.
  /// - Throws: ``GGUFError`` `valueOutOfRange` for a huge array; what reading the file throws.
  package func value(of key: String, path: String, asJSON: Bool) throws -> String? {
    switch self {
    case .gguf(let file):
      if case .array(let array)? = file.metadata[key], array.count > Self.shownElementLimit {
        throw GGUFError(
          .valueOutOfRange, path: path, subject: "key \(key)",
          problem: "it has \(array.count) elements, at most \(Self.shownElementLimit) are shown")
      }
      return asJSON ? file.metadata[key]?.json.serialized(isPretty: false) : file.metadata[key]?.plainText
    case .safetensors(let file): return file.files.first?.metadata[key]
    case .adapterDirectory(let directory):
      return try Self.text(JSONDocument(path: directory.configurationPath).root[optional: key], asJSON)
    case .baseDirectory(let directory):
      return try Self.text(directory.source.configuration()?[optional: key], asJSON)
    case .npz(let file):
      switch file[key]?.element {
      case nil: return nil
      case .number(let dtype) where dtype.isFloatingPoint: return "\(try file.floats(named: key))"
      case .number: return "\(try file.integers(named: key))"
      default: return try file.text(named: key)
      }
    }
  }

  private static func text(_ value: JSON?, _ asJSON: Bool) throws -> String? {
    try value.map { !asJSON && $0.kind == .string ? try $0.string() : $0.serialized }
  }
}
