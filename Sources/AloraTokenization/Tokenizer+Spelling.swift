extension Tokenizer {
  /// The text of a token within a longer text, with its leading space: ` word` for the vocabulary's `Ġword` or `▁word`.
  ///
  /// If a token is only part of a character, or decodes to nothing, the vocabulary's spelling is returned. Nil if there is no
  /// such token.
  package func spelling(of token: Int) -> String? {
    guard let piece = piece(of: token) else { return nil }
    // Decodes two tokens and takes the second, because some decoders drop a space at the beginning of a text.
    guard let once = try? decode([token]), let twice = try? decode([token, token]),
      !twice.unicodeScalars.contains("\u{FFFD}"), twice.utf8.starts(with: once.utf8)
    else { return piece }
    let rest = String(decoding: Array(twice.utf8.dropFirst(once.utf8.count)), as: UTF8.self)
    return rest.isEmpty ? piece : rest
  }
}

extension Tokenizer {
  /// The bytes that a token adds to a text, wherever it is but at the text's beginning; none for special tokens and numbers
  /// without a token.
  ///
  /// A token may be a part of a character.
  /// - Throws: `patternFailed`.
  package func bytes(of token: Int) throws(TokenizationError) -> [UInt8] {
    guard !isSpecial(token), let id = UInt32(exactly: token) else { return [] }
    var bytes: [UInt8]
    if let piece = addedPieces[id] {
      bytes = piece
    } else if let piece = model.vocabulary.piece(of: token) {
      bytes = Array(piece)
    } else {
      return []
    }
    for decoder in decoders ?? [] {
      switch decoder {
      case .byteLevel: bytes = ByteAlphabet.bytes(of: bytes.span) ?? bytes
      case .byteFallback: if let byte = Decoder.byteValue(of: bytes) { return [byte] }
      case .replace(let pattern, let content): bytes = try Normalizer.replaced(bytes, pattern, content)
      // The blank at a text's beginning is left out there only.
      case .metaspace(let replacement, _):
        bytes = try Decoder.metaspace(replacement: replacement, dropsFirst: false).apply(to: [bytes])[0]
      case .fuse, .strip: break
      }
    }
    return bytes
  }
}
