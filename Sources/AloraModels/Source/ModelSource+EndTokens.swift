internal import AloraGGUF
internal import AloraJSON

extension ModelSource {
  /// The tokens that end a model's answer; empty if its files name none.
  ///
  /// A GGUF: the end-of-generation set of llama.cpp (see ``EndTokens``). A directory: `eos_token_id`, a number or several, of the
  /// generation's configuration, else of the model's.
  /// - Throws: ``FileError``, ``JSONError``, ``GGUFError``.
  package func endTokens() throws -> Set<Int> {
    guard case .directory(let directory, _) = storage else {
      guard let metadata = gguf?.metadata else { return [] }
      return try EndTokens.ofGGUF(metadata)
    }
    var configurations: [JSON?] = []
    if directory.contains(ModelFiles.generationConfiguration) {
      let path = directory.file(ModelFiles.generationConfiguration)
      configurations.append(try JSONDocument(path: path, allowsNonFinite: true).root)
    }
    let configuration = try configuration()
    configurations += [configuration, try configuration?[optional: "text_config"]]
    for root in configurations {
      guard let value = try root?[optional: "eos_token_id"], !value.isNull else { continue }
      return value.kind == .array ? Set(try value.elements().map { try $0.integer() }) : [try value.integer()]
    }
    return []
  }
}
