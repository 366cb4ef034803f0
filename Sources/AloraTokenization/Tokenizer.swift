internal import AloraSystem

/// A tokenizer: from text to the ids of a vocabulary, and back.
///
/// A text is encoded in four steps: added tokens are cut out, the text between them is normalized and split into pieces, the
/// model encodes each piece, and special tokens are put around the whole.
package struct Tokenizer: Sendable {
  let model: TokenModel
  let addedTokens: [AddedToken]
  let rawMatcher: AddedTokenMatcher
  let normalizedMatcher: AddedTokenMatcher
  let normalizers: [Normalizer]
  let preTokenizers: [PreTokenizer]
  let postProcessor: PostProcessor
  /// Nil if pieces are joined with spaces.
  let decoders: [Decoder]?
  /// The pieces of added tokens as they are decoded, by id.
  let addedPieces: [UInt32: [UInt8]]
  let specialTokens: Set<UInt32>

  /// The file that it came from.
  package internal(set) var path: String?
  /// The tokenizer that transformers 5 builds of the same files, if it builds its own. Its ids may differ from these, which
  /// are those of tokenizers, transformers 4 and llama.cpp.
  package internal(set) var built: BuiltTokenizer?

  /// - Throws: `patternFailed`; `malformed` if two added tokens have the same content.
  init(
    model: TokenModel, addedTokens: [AddedToken], normalizers: [Normalizer], preTokenizers: [PreTokenizer],
    postProcessor: PostProcessor, decoders: [Decoder]?
  ) throws(TokenizationError) {
    self.model = model
    self.addedTokens = addedTokens
    self.normalizers = normalizers
    let splitsWords = model.keepsWordsApart(mark: PreTokenizer.spaceMark)
    self.preTokenizers = preTokenizers + (splitsWords ? [.words(mark: PreTokenizer.spaceMark)] : [])
    self.postProcessor = postProcessor
    self.decoders = decoders
    var normalized: [AddedToken] = []
    var pieces: [UInt32: [UInt8]] = [:]
    for var token in addedTokens {
      pieces[token.id] = token.content
      guard token.texts.contains(.normalized) else { continue }
      for normalizer in normalizers { try normalizer.apply(to: &token.content) }
      if !token.content.isEmpty { normalized.append(token) }
      pieces[token.id] = token.content
    }
    addedPieces = pieces
    specialTokens = Set(addedTokens.filter(\.isSpecial).map(\.id))
    guard let rawMatcher = AddedTokenMatcher(addedTokens.filter { $0.texts.contains(.original) }),
      let normalizedMatcher = AddedTokenMatcher(normalized)
    else {
      throw TokenizationError(.malformed, place: "added tokens", problem: "two of them have the same content")
    }
    self.rawMatcher = rawMatcher
    self.normalizedMatcher = normalizedMatcher
  }

  /// One more than the largest id.
  package var idLimit: Int { max(model.vocabulary.idLimit, (addedPieces.keys.max().map { Int($0) + 1 }) ?? 0) }

  /// Turns a text into tokens.
  ///
  /// - Parameter addsSpecialTokens: whether the tokenizer puts its special tokens (a BOS, say) around the text. Special
  ///   tokens that are written in the text count either way.
  /// - Throws: `patternFailed`.
  /// - Complexity: O(n log n) in the text's length at most.
  package func encode(_ text: String, addsSpecialTokens: Bool = true) throws(TokenizationError) -> [Int] {
    try encode(validUTF8: Array(text.utf8), addsSpecialTokens: addsSpecialTokens)
  }

  /// Turns a text of bytes into tokens.
  ///
  /// - Throws: `invalidUTF8`, `patternFailed`.
  package func encode(bytes: [UInt8], addsSpecialTokens: Bool = true) throws(TokenizationError) -> [Int] {
    guard String(validating: bytes, as: UTF8.self) != nil else {
      throw TokenizationError(
        .invalidUTF8, problem: "the text is not valid UTF-8", remedy: "convert the text to UTF-8 first")
    }
    return try encode(validUTF8: bytes, addsSpecialTokens: addsSpecialTokens)
  }

  private func encode(validUTF8 text: [UInt8], addsSpecialTokens: Bool) throws(TokenizationError) -> [Int] {
    var tokens: [UInt32] = []
    var encoder = PieceEncoder(model)
    for section in rawMatcher.sections(of: text, in: 0..<text.count) {
      switch section {
      case .token(let id): tokens.append(id)
      case .text(let range):
        var normalized = range.count == text.count ? text : Array(text[range])
        for normalizer in normalizers { try normalizer.apply(to: &normalized) }
        for part in normalizedMatcher.sections(of: normalized, in: 0..<normalized.count) {
          switch part {
          case .token(let id): tokens.append(id)
          case .text(let part):
            let beginsInput = range.lowerBound == 0 && part.lowerBound == 0
            var pieces = Pieces(text: normalized, range: part, beginsInput: beginsInput)
            for preTokenizer in preTokenizers { try preTokenizer.apply(to: &pieces) }
            for piece in pieces.ranges { encoder.encode(pieces.text.span.extracting(piece), into: &tokens) }
          }
        }
      }
    }
    return postProcessor.apply(to: tokens, addsSpecialTokens: addsSpecialTokens).map(Int.init)
  }

  /// Turns tokens back into text.
  ///
  /// Bytes that aren't UTF-8 become U+FFFD. Ids without a piece are skipped, as in the reference.
  /// - Throws: `patternFailed`.
  package func decode(_ tokens: [Int], skipsSpecialTokens: Bool = false) throws(TokenizationError) -> String {
    var pieces: [[UInt8]] = []
    for token in tokens {
      guard let id = UInt32(exactly: token), !(skipsSpecialTokens && specialTokens.contains(id)) else { continue }
      if let piece = addedPieces[id] {
        pieces.append(piece)
      } else if let piece = model.vocabulary.piece(of: token) {
        pieces.append(Array(piece))
      }
    }
    guard let decoders else { return String(decoding: Array(pieces.joined(separator: [0x20])), as: UTF8.self) }
    for decoder in decoders { pieces = try decoder.apply(to: pieces) }
    return String(decoding: Array(pieces.joined()), as: UTF8.self)
  }

  /// The token's entry in the vocabulary, as the file spells it.
  package func piece(of token: Int) -> String? {
    guard let id = UInt32(exactly: token) else { return nil }
    if let piece = addedPieces[id] { return String(decoding: piece, as: UTF8.self) }
    return model.vocabulary.piece(of: token).map { String(decoding: $0, as: UTF8.self) }
  }

  /// The token that the vocabulary spells like this.
  package func token(of piece: String) -> Int? {
    let bytes = Array(piece.utf8)
    return (addedTokens.first { $0.content == bytes }?.id ?? model.vocabulary.id(of: bytes)).map(Int.init)
  }

  /// Whether the token is an added token that the tokenizer calls special.
  package func isSpecial(_ token: Int) -> Bool { UInt32(exactly: token).map(specialTokens.contains) ?? false }
}
