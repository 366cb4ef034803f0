internal import AloraSystem
internal import AloraJSON

/// `tokenizer.json`, the file of Hugging Face's tokenizers.
///
/// `version` ("1.0"); `added_tokens`; `normalizer`, `pre_tokenizer`, `post_processor` and `decoder`, each an object whose
/// `type` names it, or null; `model`. `truncation` and `padding` are set anew by each call of transformers, and are not
/// read here.
/// Source: `tokenizer/serialization.rs` of Hugging Face's tokenizers.
extension Tokenizer {
  /// Reads a tokenizer.json.
  ///
  /// - Parameter settings: what the files beside it add.
  /// - Throws: ``FileError``, ``JSONError``, ``TokenizationError`` (`malformed`, `unsupported`, `patternFailed`, `tooLarge`).
  /// - Complexity: O(size of the file).
  package init(jsonPath path: String, settings: TokenizerSettings? = nil) throws {
    let document = try JSONDocument(path: path)
    do { try self.init(json: document.root, settings: settings) } catch var error as TokenizationError {
      error.path = path
      throw error
    }
    self.path = path
  }

  init(json: JSON, settings: TokenizerSettings? = nil) throws {
    let version = try json[optional: "version"]?.string() ?? "1.0"
    guard version == "1.0" else {
      throw TokenizationError(.unsupported, place: "$.version", problem: "the version '\(version)' is not known")
    }
    var model = try BytePairModel(json: json["model"])
    let preTokenizers = try TokenizerParts.preTokenizers(json[optional: "pre_tokenizer"])
    if case .byteLevel? = preTokenizers.last { model.prepareByteLevel() }
    for step in preTokenizers.dropLast() {
      if case .byteLevel = step {
        throw TokenizationError(
          .unsupported, place: "$.pre_tokenizer", problem: "a pre-tokenizer after ByteLevel is not supported")
      }
    }
    let ownTokens = try AddedToken.tokens(json[optional: "added_tokens"], vocabulary: model.vocabulary)
    let postProcessor = PostProcessor(templates: try TokenizerParts.templates(json[optional: "post_processor"]))
    var addedTokens = ownTokens
    if let settings {
      addedTokens = try AddedToken.adding(
        settings.additions(known: Set(ownTokens.map(\.content)), file: ownTokens, .four), to: ownTokens,
        vocabulary: model.vocabulary, keepsTexts: true)
    }
    try self.init(
      model: .bytePair(model), addedTokens: addedTokens,
      normalizers: TokenizerParts.normalizers(json[optional: "normalizer"]),
      preTokenizers: settings?.preTokenizers(preTokenizers) ?? preTokenizers,
      postProcessor: postProcessor, decoders: json[optional: "decoder"].map { try TokenizerParts.decoders($0) })
    guard let settings else { return }
    let parts = BuiltTokenizer.Parts(
      model: model, tokens: ownTokens, normalizers: normalizers, preTokenizers: preTokenizers,
      postProcessor: postProcessor, decoders: decoders)
    built = try BuiltTokenizer(
      settings.loadedClass(usesByteLevel: Self.namesByteLevel(json)), settings: settings, parts: parts)
  }

  /// Whether the file names ByteLevel, as transformers looks for it.
  private static func namesByteLevel(_ json: JSON) throws -> Bool {
    for name in ["normalizer", "pre_tokenizer", "post_processor", "decoder"] {
      if try json[optional: name]?.serialized.contains("\"ByteLevel\"") == true { return true }
    }
    return false
  }
}

extension AddedToken {
  /// The added tokens of the file, with the ids that the original gives them: the model's for a piece that the model
  /// has, and the next free one otherwise.
  static func tokens(_ json: JSON?, vocabulary: Vocabulary) throws -> [AddedToken] {
    var tokens: [AddedToken] = []
    var seen: Set<[UInt8]> = []
    var nextID = vocabulary.count
    for element in try json?.elements() ?? [] {
      let content = try checkedContent(element["content"].utf8(), of: element)
      guard !content.isEmpty else { continue }
      guard seen.insert(content).inserted else {
        throw TokenizationError(.malformed, place: element.jsonPath, problem: "an added token occurs twice")
      }
      let declared = try element["id"].integer(in: 0...Vocabulary.largestID)
      var id = vocabulary.id(of: content)
      if id == nil {
        id = UInt32(nextID)
        nextID += 1
      }
      guard let id, Int(id) == declared else {
        throw TokenizationError(
          .malformed, place: element.jsonPath,
          problem: "an added token states the id \(declared), but the tokenizer would give it \(id ?? 0)",
          remedy: "save the tokenizer again with save_pretrained")
      }
      func flag(_ name: String) throws -> Bool { try element[optional: name]?.boolean() ?? false }
      tokens.append(
        AddedToken(
          id: id, content: content, isSingleWord: try flag("single_word"), stripsLeft: try flag("lstrip"),
          stripsRight: try flag("rstrip"), texts: try flag("normalized") ? .normalized : .original,
          isSpecial: try flag("special")))
    }
    return tokens
  }

  /// The text of a token that a file adds.
  ///
  /// - Throws: `tooLarge`.
  static func checkedContent(_ content: [UInt8], of json: JSON) throws(TokenizationError) -> [UInt8] {
    guard content.count <= AddedTokenMatcher.longestContent else {
      throw TokenizationError(
        .tooLarge, path: json.filePath, place: json.jsonPath,
        problem: "an added token has \(content.count) bytes, at most \(AddedTokenMatcher.longestContent) are supported")
    }
    return content
  }
}

extension BytePairModel {
  /// - Throws: ``JSONError``, ``TokenizationError`` (`unsupported`, `malformed`).
  init(json: JSON) throws {
    let type = try json[optional: "type"]?.string() ?? "BPE"
    guard type == "BPE" else {
      throw TokenizationError(
        .unsupported, place: "$.model.type", problem: "models of type \(type) are not supported; BPE is")
    }
    for name in ["continuing_subword_prefix", "end_of_word_suffix"] {
      if let text = try json[optional: name]?.string(), !text.isEmpty {
        throw TokenizationError(.unsupported, place: "$.model.\(name)", problem: "'\(name)' is not supported")
      }
    }
    if let dropout = try json[optional: "dropout"]?.number(), dropout != 0 {
      throw TokenizationError(
        .unsupported, place: "$.model.dropout", problem: "dropout would make tokens random",
        remedy: "set it to null, as for inference")
    }
    let entries = try json["vocab"].members()
    var vocabulary = Vocabulary(expectedCount: entries.count)
    for (name, value) in entries {
      let id = try value.integer(in: 0...Vocabulary.largestID)
      let bytes = Array(name.utf8)
      guard vocabulary.insert(bytes.span, id: id) else {
        throw TokenizationError(
          .malformed, place: "$.model.vocab", problem: "'\(name)' has the id \(id), but so does another piece")
      }
    }
    self.init(vocabulary: vocabulary, merges: try MergeTable(json: json["merges"], vocabulary: vocabulary))
    ignoresMerges = try json[optional: "ignore_merges"]?.boolean() ?? false
    fusesUnknown = try json[optional: "fuse_unk"]?.boolean() ?? false
    if let unknown = try json[optional: "unk_token"]?.utf8() {
      guard let id = vocabulary.id(of: unknown) else {
        throw TokenizationError(
          .malformed, place: "$.model.unk_token",
          problem: "'\(String(decoding: unknown, as: UTF8.self))' is not in the vocabulary")
      }
      unknownToken = id
    }
    if try json[optional: "byte_fallback"]?.boolean() ?? false {
      byteTokens = (0...255).map { vocabulary.id(of: Self.byteName(UInt8($0))) }
    }
  }

  /// `<0x0A>`.
  static func byteName(_ byte: UInt8) -> [UInt8] {
    let digits = Array("0123456789ABCDEF".utf8)
    return Array("<0x".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)], UInt8(ascii: ">")]
  }
}

extension MergeTable {
  /// Merges as texts `a b` or as pairs.
  init(json: JSON, vocabulary: Vocabulary) throws {
    let elements = try json.elements()
    self.init(expectedCount: elements.count)
    for (rank, element) in elements.enumerated() {
      let (joined, split) = try Self.joinedPieces(of: element)
      guard let leftID = vocabulary.id(of: joined.span.extracting(0..<split)),
        let rightID = vocabulary.id(of: joined.span.extracting(split..<joined.count)),
        let id = vocabulary.id(of: joined.span)
      else {
        throw TokenizationError(
          .malformed, place: element.jsonPath,
          problem: "a merge's pieces or its result are not in the vocabulary")
      }
      insert(leftID, rightID, rank: rank, token: id)
    }
  }

  /// The two pieces of a merge, concatenated, and the index at which the second begins.
  private static func joinedPieces(of element: JSON) throws -> (bytes: [UInt8], split: Int) {
    if element.kind == .string {
      var text = try element.utf8()
      guard let space = text.firstIndex(of: UInt8(ascii: " ")), !text[(space + 1)...].contains(UInt8(ascii: " ")) else {
        throw TokenizationError(
          .malformed, place: element.jsonPath, problem: "a merge is two pieces with a space between")
      }
      text.remove(at: space)
      return (text, space)
    }
    let pair = try element.elements()
    guard pair.count == 2 else {
      throw TokenizationError(.malformed, place: element.jsonPath, problem: "a merge is a list of two pieces")
    }
    var text = try pair[0].utf8()
    let split = text.count
    text += try pair[1].utf8()
    return (text, split)
  }
}
