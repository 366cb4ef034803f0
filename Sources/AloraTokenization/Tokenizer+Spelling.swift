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
