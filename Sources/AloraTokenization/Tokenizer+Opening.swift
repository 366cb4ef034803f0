internal import AloraSystem
internal import AloraGGUF

extension Tokenizer {
  /// Opens the tokenizer of a model: a Hugging Face directory with a tokenizer.json, that file itself, or a GGUF.
  ///
  /// - Throws: ``FileError``, ``JSONError``, ``GGUFError``, ``TokenizationError``.
  public init(path: String) throws {
    if FileSystem.kind(of: path) == .directory {
      guard let file = Self.tokenizerPath(ofModel: path) else {
        throw TokenizationError(
          .missingTokenizer, path: path, problem: "the directory holds no tokenizer.json",
          remedy: "give the model's directory as downloaded, or save its tokenizer there with save_pretrained")
      }
      try self.init(jsonPath: file)
    } else if path.hasSuffix(".json") {
      try self.init(jsonPath: path)
    } else {
      try self.init(gguf: GGUFFileSet(path: path).metadata)
    }
  }

  /// Where the tokenizer of a model is, for ``init(path:)``; nil where there is none.
  ///
  /// A GGUF may turn out to carry no vocabulary.
  public static func tokenizerPath(ofModel path: String) -> String? {
    let file = FileSystem.kind(of: path) == .directory ? path + "/tokenizer.json" : path
    guard FileSystem.kind(of: file) == .regularFile, !file.hasSuffix("config.json") else { return nil }
    return file
  }
}
