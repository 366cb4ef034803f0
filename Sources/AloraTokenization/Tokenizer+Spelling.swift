extension Tokenizer {
  /// What a token stands for within a text, with the blank that begins it: ` word`, where the vocabulary says `Ġword` or `▁word`.
  ///
  /// A token that is a part of a character only, or that nothing is decoded from, is spelled as the vocabulary spells it. Nil:
  /// there is no such token.
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
