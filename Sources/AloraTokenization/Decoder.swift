/// A step from tokens' pieces back to text.
///
/// Source: `decoders/` of Hugging Face's tokenizers.
enum Decoder: Sendable {
  case byteLevel
  case byteFallback
  case replace(SplitPattern, with: [UInt8])
  case fuse
  case strip(UInt32, start: Int, stop: Int)
  case metaspace(replacement: [UInt8], dropsFirst: Bool)

  /// - Throws: `patternFailed`.
  func apply(to pieces: [[UInt8]]) throws(TokenizationError) -> [[UInt8]] {
    switch self {
    case .byteLevel:
      let bytes = pieces.flatMap { piece in ByteAlphabet.bytes(of: piece.span) ?? piece }
      return [Array(String(decoding: bytes, as: UTF8.self).utf8)]
    case .byteFallback: return Self.bytesJoined(pieces)
    case .replace(let pattern, let content):
      var result: [[UInt8]] = []
      for piece in pieces { result.append(try Normalizer.replaced(piece, pattern, content)) }
      return result
    case .fuse: return [Array(pieces.joined())]
    case .strip(let scalar, let start, let stop):
      var character: [UInt8] = []
      UTF8Text.encode(scalar, into: &character)
      return pieces.map { Self.stripped($0, character, start: start, stop: stop) }
    case .metaspace(let replacement, let dropsFirst):
      return pieces.enumerated().map { index, piece in
        var result: [UInt8] = []
        var offset = 0
        while offset < piece.count {
          if piece.hasPrefix(replacement, at: offset, end: piece.count) {
            if index > 0 || !dropsFirst { result.append(UInt8(ascii: " ")) }
            offset += replacement.count
          } else {
            result.append(piece[offset])
            offset += 1
          }
        }
        return result
      }
    }
  }

  /// Turns each run of byte tokens into text, or into one replacement character per byte if it isn't valid UTF-8.
  private static func bytesJoined(_ pieces: [[UInt8]]) -> [[UInt8]] {
    var result: [[UInt8]] = []
    var pending: [UInt8] = []
    func flush() {
      guard !pending.isEmpty else { return }
      if String(validating: pending, as: UTF8.self) != nil {
        result.append(pending)
      } else {
        for _ in pending { result.append(Array("\u{FFFD}".utf8)) }
      }
      pending = []
    }
    for piece in pieces {
      if let byte = byteValue(of: piece) {
        pending.append(byte)
      } else {
        flush()
        result.append(piece)
      }
    }
    flush()
    return result
  }

  /// The byte that a piece `<0xXX>` stands for.
  static func byteValue(of piece: [UInt8]) -> UInt8? {
    guard piece.count == 6, piece.hasPrefix(Array("<0x".utf8), at: 0, end: 6), piece[5] == UInt8(ascii: ">") else {
      return nil
    }
    guard let high = hexValue(piece[3]), let low = hexValue(piece[4]) else { return nil }
    return high << 4 | low
  }

  private static func hexValue(_ digit: UInt8) -> UInt8? {
    switch digit {
    case UInt8(ascii: "0")...UInt8(ascii: "9"): digit - UInt8(ascii: "0")
    case UInt8(ascii: "a")...UInt8(ascii: "f"): digit - UInt8(ascii: "a") + 10
    case UInt8(ascii: "A")...UInt8(ascii: "F"): digit - UInt8(ascii: "A") + 10
    default: nil
    }
  }

  private static func stripped(_ piece: [UInt8], _ character: [UInt8], start: Int, stop: Int) -> [UInt8] {
    var range = 0..<piece.count
    for _ in 0..<max(start, 0) {
      guard piece.hasPrefix(character, at: range.lowerBound, end: range.upperBound) else { break }
      range = (range.lowerBound + character.count)..<range.upperBound
    }
    for _ in 0..<max(stop, 0) {
      let offset = range.upperBound - character.count
      guard offset >= range.lowerBound, piece.hasPrefix(character, at: offset, end: range.upperBound) else { break }
      range = range.lowerBound..<offset
    }
    return Array(piece[range])
  }
}
