/// A byte-pair model: characters become tokens, and neighbouring tokens merge in the order of the merges' ranks.
///
/// Source: `models/bpe/model.rs` of Hugging Face's tokenizers.
struct BytePairModel: Sendable {
  var vocabulary: Vocabulary
  var merges: MergeTable
  /// What a character without a token becomes: nothing, or this token.
  var unknownToken: UInt32?
  /// Whether neighbouring characters without a token become one unknown token.
  var fusesUnknown = false
  /// Whether a piece that is in the vocabulary becomes that token without merging.
  var ignoresMerges = false
  /// The tokens `<0x00>` … `<0xFF>`, where characters without a token fall back to bytes; nil if one is missing.
  var byteTokens: [UInt32?]?
  /// The form of pieces: text, or bytes that each stand for a character of ``ByteAlphabet``.
  private(set) var byteLevel: ByteLevel?

  struct ByteLevel: Sendable {
    /// The token of each byte's character.
    let tokens: [UInt32?]
    /// The pieces of the vocabulary by the bytes they stand for, to be looked up as a whole.
    let pieces: ByteStringTable
    let ids: [UInt32]
  }

  init(vocabulary: Vocabulary, merges: MergeTable) {
    self.vocabulary = vocabulary
    self.merges = merges
  }

  /// Prepares the model for pieces in the form of bytes.
  mutating func prepareByteLevel() {
    var pieces = ByteStringTable(expectedCount: ignoresMerges ? vocabulary.count : 0)
    var ids: [UInt32] = []
    if ignoresMerges {
      for id in 0..<vocabulary.idLimit {
        guard let piece = vocabulary.piece(of: id), let bytes = ByteAlphabet.bytes(of: piece.span) else { continue }
        if pieces.insert(bytes.span).isNew { ids.append(UInt32(id)) }
      }
    }
    byteLevel = ByteLevel(
      tokens: ByteAlphabet.characters.map { vocabulary.id(of: $0) }, pieces: pieces, ids: ids)
  }

  /// The token of a whole piece, if the model takes such pieces without merging.
  func wholePiece(_ piece: Span<UInt8>) -> UInt32? {
    guard ignoresMerges else { return nil }
    guard let byteLevel else { return vocabulary.id(of: piece) }
    return byteLevel.pieces.index(of: piece).map { byteLevel.ids[$0] }
  }

  /// Appends the tokens of a piece's characters, before any merge.
  func appendCharacters(of piece: Span<UInt8>, to tokens: inout [UInt32]) {
    var pendingUnknown = false
    if let byteLevel {
      for index in piece.indices {
        append(byteLevel.tokens[Int(piece[index])], &pendingUnknown, to: &tokens)
      }
    } else {
      var offset = 0
      while offset < piece.count {
        let end = min(offset + UTF8Text.length(ofLead: piece[offset]), piece.count)
        let token = vocabulary.id(of: piece.extracting(offset..<end))
        if token == nil, appendBytes(piece.extracting(offset..<end), to: &tokens) {
          offset = end
          continue
        }
        append(token, &pendingUnknown, to: &tokens)
        offset = end
      }
    }
    if pendingUnknown, let unknownToken { tokens.append(unknownToken) }
  }

  /// An unknown token is held back until it is clear whether the next character is unknown too.
  private func append(_ token: UInt32?, _ pendingUnknown: inout Bool, to tokens: inout [UInt32]) {
    if let token {
      if pendingUnknown, let unknownToken { tokens.append(unknownToken) }
      pendingUnknown = false
      tokens.append(token)
    } else if let unknownToken {
      if pendingUnknown && !fusesUnknown { tokens.append(unknownToken) }
      pendingUnknown = true
    }
  }

  /// Appends a character's bytes as byte tokens; false if one of these tokens doesn't exist.
  private func appendBytes(_ character: Span<UInt8>, to tokens: inout [UInt32]) -> Bool {
    guard let byteTokens else { return false }
    for index in character.indices where byteTokens[Int(character[index])] == nil { return false }
    for index in character.indices {
      if let token = byteTokens[Int(character[index])] { tokens.append(token) }
    }
    return true
  }
}
