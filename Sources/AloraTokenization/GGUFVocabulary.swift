internal import AloraSystem
package import AloraGGUF

/// The tokenizer inside a GGUF.
///
/// `tokenizer.ggml.model` (`gpt2`: byte-level byte pairs; `llama`: SentencePiece pieces with scores), `.pre` (how texts
/// are split; `gpt2` only), `.tokens`, `.token_type`, `.merges` or `.scores`, `.bos_token_id`, `.eos_token_id`,
/// `.add_bos_token`, `.add_eos_token`, `.add_space_prefix`.
/// Source: `llama_vocab::impl::load` of llama.cpp.
extension Tokenizer {
  /// Reads the vocabulary of a GGUF's metadata.
  ///
  /// - Throws: ``GGUFError``, ``TokenizationError`` (`missingTokenizer`, `malformed`, `unsupported`).
  package init(gguf metadata: GGUFMetadata) throws {
    do { try self.init(reading: metadata) } catch var error as TokenizationError {
      error.path = error.path ?? metadata.path
      throw error
    }
    path = metadata.path
  }

  private init(reading metadata: GGUFMetadata) throws {
    guard let name = try metadata.string(ifPresent: "tokenizer.ggml.model") else {
      throw TokenizationError(
        .missingTokenizer, place: "key tokenizer.ggml.model", problem: "the file contains no vocabulary",
        remedy: "give the base model's GGUF, or a directory with tokenizer.json")
    }
    let vocabulary = try GGUFVocabulary(metadata)
    switch name {
    case "gpt2": try self.init(bytePairs: metadata, vocabulary)
    case "llama": try self.init(scored: metadata, vocabulary)
    default:
      throw TokenizationError(
        .unsupported, place: "key tokenizer.ggml.model", problem: "vocabularies of model '\(name)' are not supported",
        remedy: "give a directory with tokenizer.json")
    }
  }

  private init(bytePairs metadata: GGUFMetadata, _ vocabulary: GGUFVocabulary) throws {
    guard let name = try metadata.string(ifPresent: "tokenizer.ggml.pre") else {
      throw TokenizationError(
        .unsupported, place: "key tokenizer.ggml.pre", problem: "the file does not say how texts are split",
        remedy: "convert the base again with a recent llama.cpp, or give a directory with tokenizer.json")
    }
    guard let settings = GGUFPreTokenizer(named: name) else {
      throw TokenizationError(
        .unsupported, place: "key tokenizer.ggml.pre", problem: "the pre-tokenizer '\(name)' is not supported",
        remedy: "give a directory with tokenizer.json")
    }
    var merges = MergeTable(expectedCount: 0)
    for (rank, merge) in try metadata.byteStrings(forKey: "tokenizer.ggml.merges").enumerated() {
      // The first piece isn't empty, so it includes a space at the very beginning.
      guard let space = merge.dropFirst().firstIndex(of: UInt8(ascii: " ")) else { continue }
      let (left, right) = (Array(merge[..<space]), Array(merge[(space + 1)...]))
      guard let leftID = vocabulary.pieces.id(of: left), let rightID = vocabulary.pieces.id(of: right),
        let id = vocabulary.pieces.id(of: left + right), merges.merge(leftID, rightID) == MergeTable.none
      else { continue }
      merges.insert(leftID, rightID, rank: rank, token: id)
    }
    var model = BytePairModel(vocabulary: vocabulary.pieces, merges: merges)
    model.ignoresMerges = settings.ignoresMerges
    model.prepareByteLevel()
    try self.init(
      model: .bytePair(model), addedTokens: vocabulary.addedTokens(),
      normalizers: settings.composesCharacters ? [.compose(CanonicalComposition())] : [],
      preTokenizers: settings.preTokenizers(),
      postProcessor: vocabulary.postProcessor(metadata, addsBOS: settings.addsBOS), decoders: [.byteLevel])
  }

  private init(scored metadata: GGUFMetadata, _ vocabulary: GGUFVocabulary) throws {
    let scores = try metadata.numbers(forKey: "tokenizer.ggml.scores").map { Float($0) }
    guard scores.count >= vocabulary.pieces.count, !scores.contains(where: \.isNaN) else {
      throw TokenizationError(
        .malformed, place: "key tokenizer.ggml.scores",
        problem: "there are \(scores.count) scores for \(vocabulary.pieces.count) tokens, or one is not a number")
    }
    let bytes = (0...255).map { byte -> UInt32? in
      vocabulary.pieces.id(of: BytePairModel.byteName(UInt8(byte))) ?? vocabulary.pieces.id(of: [UInt8(byte)])
    }
    let addsSpace = try metadata.boolean(ifPresent: "tokenizer.ggml.add_space_prefix") ?? true
    let mark = PreTokenizer.spaceMark
    // Phi 3's special tokens take the white space after them; only the file's name says so.
    let name = try metadata.string(ifPresent: "general.name")?.lowercased() ?? ""
    let isPhi = name.contains("phi-3") || name.contains("phi3")
    try self.init(
      model: .scored(ScoredModel(vocabulary: vocabulary.pieces, scores: scores, byteTokens: bytes)),
      addedTokens: vocabulary.addedTokens(strippingRight: isPhi),
      normalizers: (addsSpace ? [.prepend(mark)] : []) + [.replace(.literal([UInt8(ascii: " ")]), with: mark)],
      preTokenizers: [], postProcessor: vocabulary.postProcessor(metadata, addsBOS: true),
      decoders: [.replace(.literal(mark), with: [UInt8(ascii: " ")]), .byteFallback, .fuse]
        + (addsSpace ? [.strip(0x20, start: 1, stop: 0)] : []))
  }
}

/// The tokens of a GGUF with their types.
struct GGUFVocabulary {
  let pieces: Vocabulary
  private let types: [Int]

  private enum TokenType {
    static let (unknown, control, userDefined) = (2, 3, 4)
  }

  /// - Throws: ``GGUFError``, ``TokenizationError`` (`malformed`, `tooLarge`).
  init(_ metadata: GGUFMetadata) throws {
    let tokens = try metadata.byteStrings(forKey: "tokenizer.ggml.tokens")
    guard tokens.count <= Vocabulary.largestID else {
      throw TokenizationError(
        .tooLarge, place: "key tokenizer.ggml.tokens",
        problem: "\(tokens.count) tokens are more than the \(Vocabulary.largestID) that are supported")
    }
    var pieces = Vocabulary(expectedCount: tokens.count)
    for (id, token) in tokens.enumerated() {
      let bytes = token.isEmpty ? Array("[EMPTY_\(id)]".utf8) : token
      guard pieces.insert(bytes.span, id: id) else {
        throw TokenizationError(
          .malformed, place: "key tokenizer.ggml.tokens", problem: "the token \(id) has the same text as another one")
      }
    }
    types = try metadata.integers(ifPresent: "tokenizer.ggml.token_type") ?? []
    guard types.isEmpty || types.count >= tokens.count else {
      throw TokenizationError(
        .malformed, place: "key tokenizer.ggml.token_type",
        problem: "there are \(types.count) types for \(tokens.count) tokens")
    }
    self.pieces = pieces
  }

  /// Control, user-defined and unknown tokens, which are searched for before the text is split.
  ///
  /// - Throws: `tooLarge`.
  func addedTokens(strippingRight: Bool = false) throws(TokenizationError) -> [AddedToken] {
    let unstripped = ["<unk>", "<s>", "<|endoftext|>"].map { Array($0.utf8) }
    var tokens: [AddedToken] = []
    for id in 0..<min(types.count, pieces.idLimit) {
      let type = types[id]
      guard type == TokenType.unknown || type == TokenType.control || type == TokenType.userDefined,
        let piece = pieces.piece(of: id)
      else { continue }
      guard piece.count <= AddedTokenMatcher.longestContent else {
        throw TokenizationError(
          .tooLarge, place: "key tokenizer.ggml.tokens",
          problem:
            "the special token \(id) has \(piece.count) bytes, at most \(AddedTokenMatcher.longestContent) are supported"
        )
      }
      let content = Array(piece)
      tokens.append(
        AddedToken(
          id: UInt32(id), content: content, stripsRight: strippingRight && !unstripped.contains(content),
          isSpecial: type != TokenType.userDefined))
    }
    return tokens
  }

  /// - Throws: ``GGUFError``, `malformed` if the file doesn't have a token that must be added.
  func postProcessor(_ metadata: GGUFMetadata, addsBOS: Bool) throws -> PostProcessor {
    func special(_ name: String, fallback: Int?) throws -> [PostProcessor.Item] {
      let key = "tokenizer.ggml.\(name)_token_id"
      guard let id = try metadata.integer(ifPresent: key, in: 0...Int(UInt32.max)) ?? fallback, id < pieces.idLimit
      else {
        throw TokenizationError(
          .malformed, place: "key \(key)",
          problem: "this token would be added to each text, but it isn't in the vocabulary")
      }
      return [.special([UInt32(id)])]
    }
    let isScored = try metadata.string(ifPresent: "tokenizer.ggml.model") == "llama"
    var template: [PostProcessor.Item] = [.sequence]
    if try metadata.boolean(ifPresent: "tokenizer.ggml.add_bos_token") ?? addsBOS {
      template = try special("bos", fallback: isScored ? 1 : 11) + template
    }
    if try metadata.boolean(ifPresent: "tokenizer.ggml.add_eos_token") ?? false {
      template += try special("eos", fallback: isScored ? 2 : 11)
    }
    return PostProcessor(templates: template.count == 1 ? [] : [template])
  }
}
