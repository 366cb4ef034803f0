/// The alphabet of byte-level vocabularies: a printable character for each byte.
///
/// Bytes that are printable in Latin-1 stand for themselves; the others follow, in order, from U+0100.
/// Source: `bytes_char` of Hugging Face's tokenizers, `bytes_to_unicode` of GPT-2.
enum ByteAlphabet {
  private static func isPrintable(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x21...0x7E, 0xA1...0xAC, 0xAE...0xFF: true
    default: false
    }
  }

  /// The character of each byte, in UTF-8.
  static let characters: [[UInt8]] = {
    var next: UInt32 = 0x100
    return (0...255).map { value -> [UInt8] in
      var scalar = UInt32(value)
      if !isPrintable(UInt8(value)) {
        scalar = next
        next += 1
      }
      return scalar < 0x80 ? [UInt8(scalar)] : [UInt8(0xC0 | scalar >> 6), UInt8(0x80 | scalar & 0x3F)]
    }
  }()

  /// The byte of each character that is below U+0144, by scalar value.
  private static let bytes: [UInt8?] = {
    var bytes = [UInt8?](repeating: nil, count: 0x144)
    for (byte, character) in characters.enumerated() {
      let scalar = character.count == 1 ? Int(character[0]) : Int(character[0] & 0x1F) << 6 | Int(character[1] & 0x3F)
      bytes[scalar] = UInt8(byte)
    }
    return bytes
  }()

  /// The bytes that a piece stands for, or nil if one of its characters is not of the alphabet.
  static func bytes(of piece: Span<UInt8>) -> [UInt8]? {
    var result: [UInt8] = []
    result.reserveCapacity(piece.count)
    var offset = 0
    while offset < piece.count {
      let lead = piece[offset]
      var scalar = Int(lead)
      if lead >= 0x80 {
        guard lead & 0xE0 == 0xC0, offset + 1 < piece.count else { return nil }
        scalar = Int(lead & 0x1F) << 6 | Int(piece[offset + 1] & 0x3F)
        offset += 1
      }
      guard scalar < bytes.count, let byte = bytes[scalar] else { return nil }
      result.append(byte)
      offset += 1
    }
    return result
  }
}
