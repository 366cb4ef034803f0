internal import AloraBytes

extension Tokenizer {
  /// Opens the tokenizer of a model: a Hugging Face directory with a tokenizer.json, or that file itself.
  ///
  /// - Throws: ``FileError``, ``JSONError``, ``TokenizationError``.
  public init(path: String) throws {
    if FileSystem.kind(of: path) == .directory {
      guard let file = Self.tokenizerPath(ofModel: path) else {
        throw TokenizationError(
          .missingTokenizer, path: path, problem: "the directory holds no tokenizer.json",
          remedy: "give the model's directory as downloaded, or save its tokenizer there with save_pretrained")
      }
      try self.init(jsonPath: file)
    } else {
      try self.init(jsonPath: path)
    }
  }

  /// Where the tokenizer of a model is, for ``init(path:)``; nil where there is none.
  public static func tokenizerPath(ofModel path: String) -> String? {
    let file = FileSystem.kind(of: path) == .directory ? path + "/tokenizer.json" : path
    guard FileSystem.kind(of: file) == .regularFile, file.hasSuffix(".json") else { return nil }
    return file.hasSuffix("config.json") ? nil : file
  }
}
