internal import AloraSystem
internal import AloraGGUF
internal import AloraJSON

/// The tokens with which a model says that its answer is complete.
public enum EndTokens {
  /// Those that the model's files name; empty where they name none.
  ///
  /// A GGUF: `tokenizer.ggml.eos_token_id` and `eot_token_id`. A Hugging Face directory: `eos_token_id`, a number or
  /// several, of generation_config.json, else of config.json.
  /// - Throws: ``FileError``, ``JSONError``, ``GGUFError``.
  public static func ofModel(_ path: String) throws -> Set<Int> {
    guard FileSystem.kind(of: path) == .directory else {
      let metadata = try GGUFFileSet(path: path).metadata
      return Set(
        try ["eos", "eot"].compactMap { try metadata.integer(ifPresent: "tokenizer.ggml.\($0)_token_id") })
    }
    for name in ["generation_config.json", "config.json"] {
      guard FileSystem.kind(of: "\(path)/\(name)") == .regularFile else { continue }
      let root = try JSONDocument(path: "\(path)/\(name)", allowsNonFinite: true).root
      guard let value = try root[optional: "eos_token_id"], !value.isNull else { continue }
      return value.kind == .array ? Set(try value.elements().map { try $0.integer() }) : [try value.integer()]
    }
    return []
  }
}
