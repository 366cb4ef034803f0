internal import AloraSystem
internal import AloraGGUF
internal import AloraJSON
package import AloraTemplates
package import AloraTokenization

extension ModelSource {
  /// The file that the tokenizer comes from; nil if there is none. A GGUF may turn out to carry no vocabulary.
  package var tokenizerPath: String? {
    switch storage {
    case .gguf(let files): files.path
    case .directory(let directory, _): Tokenizer.path(in: directory)
    }
  }

  /// The model's tokenizer.
  ///
  /// - Throws: ``FileError``, ``JSONError``, ``GGUFError``; ``TokenizationError``: `missingTokenizer` says what is there
  ///   instead.
  package func tokenizer() throws -> Tokenizer {
    try storedTokenizer.value {
      switch storage {
      case .gguf(let files): try Tokenizer(gguf: files.metadata)
      case .directory(let directory, _): try Tokenizer(directory: directory)
      }
    }
  }

  /// The model's chat template; nil if it has none.
  ///
  /// - Throws: ``FileError``, ``JSONError``, ``GGUFError``, ``TemplateError`` (`invalidTemplate`, `tooLarge`).
  package func chatTemplate() throws -> ChatTemplate? {
    switch storage {
    case .gguf(let files): try ChatTemplate.inGGUF(files.metadata, path: files.path)
    case .directory(let directory, _): try ChatTemplate.inDirectory(directory.path)
    }
  }
}

extension Tokenizer {
  /// Opens the tokenizer at a path: a directory with tokenizer.json, that file itself, or a GGUF.
  ///
  /// - Throws: ``FileError``, ``PathError``, ``JSONError``, ``GGUFError``, ``TokenizationError``.
  package init(path: String) throws {
    let contents = try PathContents(path: path)
    switch contents {
    case .directory(let directory) where directory.contains(ModelFiles.tokenizer) || directory.ggufs.isEmpty:
      try self.init(directory: directory)
    case .json where path.split(separator: "/").last == ModelFiles.tokenizer[...]:
      // What the files beside it add counts for everyone who opens it by its own path, too.
      try self.init(
        jsonPath: path, settings: TokenizerSettings(directory: DirectoryContents(containing: path).path))
    case .json: try self.init(jsonPath: path)
    case .configuration: try self.init(directory: DirectoryContents(path: parentDirectory(of: path)))
    case .gguf: try self.init(gguf: GGUFFileSet(path: path).metadata)
    default: throw contents.unexpected(at: path, for: .model)
    }
  }

  /// The file of the tokenizer at a path, for ``init(path:)``; nil if there is none. A GGUF may turn out to carry no
  /// vocabulary.
  package static func tokenizerPath(ofModel path: String) -> String? {
    switch try? PathContents(path: path) {
    case .directory(let directory): self.path(in: directory)
    case .configuration: (try? DirectoryContents(path: parentDirectory(of: path))).flatMap { self.path(in: $0) }
    case .json, .gguf: path
    default: nil
    }
  }

  static func path(in directory: DirectoryContents) -> String? {
    directory.contains(ModelFiles.tokenizer) ? directory.file(ModelFiles.tokenizer) : nil
  }

  /// The tokenizer of a directory.
  init(directory: DirectoryContents) throws {
    guard directory.contains(ModelFiles.tokenizer) else { throw directory.missingTokenizer }
    try self.init(
      jsonPath: directory.file(ModelFiles.tokenizer), settings: TokenizerSettings(directory: directory.path))
  }
}

extension ChatTemplate {
  /// The chat template at a path: of a directory, whether it contains a model or an adapter, or of a GGUF.
  ///
  /// - Throws: as ``ModelSource/chatTemplate()``, and ``PathError``.
  package static func ofModel(_ path: String) throws -> ChatTemplate? {
    switch try PathContents(path: path) {
    case .directory(let directory): try inDirectory(directory.path)
    case .configuration: try inDirectory(parentDirectory(of: path))
    case .gguf: try inGGUF(GGUFFileSet(path: path).metadata, path: path)
    default: nil
    }
  }

  /// The text of the chat template at a path, whether or not it can be run here; nil if there is none.
  ///
  /// - Throws: ``FileError``, ``PathError``, ``JSONError``, ``GGUFError``, ``TemplateError`` (`invalidUTF8`, `tooLarge`).
  package static func textOfModel(_ path: String) throws -> String? {
    switch try PathContents(path: path) {
    case .directory(let directory): try text(inDirectory: directory.path)
    case .configuration: try text(inDirectory: parentDirectory(of: path))
    case .gguf: try text(inGGUF: GGUFFileSet(path: path).metadata)
    default: nil
    }
  }
}

extension DirectoryContents {
  fileprivate var missingTokenizer: TokenizationError {
    let others = ["tokenizer.model", "tekken.json", "spiece.model", "vocab.json", "tiktoken.model"]
    let found = others.first(where: contains)
    return TokenizationError(
      .missingTokenizer, path: path,
      problem: "it contains no \(ModelFiles.tokenizer)" + (found.map { "; alora doesn't read \($0)" } ?? ""),
      remedy: "save the tokenizer there with transformers' save_pretrained, or pass a GGUF")
  }
}
