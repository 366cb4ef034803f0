/// A text, split into pieces that the model encodes separately.
struct Pieces {
  var text: [UInt8]
  /// Ascending; none is empty.
  var ranges: [Range<Int>]
  /// Whether the first piece begins with the first character of the whole input.
  var beginsInput: Bool

  init(text: [UInt8], range: Range<Int>, beginsInput: Bool) {
    self.text = text
    ranges = range.isEmpty ? [] : [range]
    self.beginsInput = beginsInput
  }
}

/// A step that splits a text into pieces.
enum PreTokenizer: Sendable {
  case split(SplitPattern, SplitBehavior, isInverted: Bool)
  /// GPT-2's: optionally a space before each piece; the bytes then stand for the characters of ``ByteAlphabet``.
  case byteLevel(addsPrefixSpace: Bool, SplitPattern?)
  /// SentencePiece's: spaces become `replacement`.
  case metaspace(replacement: [UInt8], PrependScheme, splits: Bool)

  /// Before each space mark that follows another character; an inner step, if it changes no token.
  case words(mark: [UInt8])

  /// SentencePiece's mark of a space, U+2581.
  static let spaceMark: [UInt8] = [0xE2, 0x96, 0x81]

  enum PrependScheme: String, Sendable { case first, never, always }

  /// GPT-2's pattern.
  static let byteLevelPattern =
    #"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"#

  /// The characters that Digits splits at: Unicode 17's numbers, as in Rust's standard library.
  static let digitsPattern = #"[\p{N}\x{11de0}-\x{11de9}\x{16ff4}-\x{16ff6}]"#

  /// - Throws: `patternFailed`.
  func apply(to pieces: inout Pieces) throws(TokenizationError) {
    switch self {
    case .split(let pattern, let behavior, let isInverted):
      try Self.split(&pieces, by: pattern, behavior, isInverted: isInverted)
    case .byteLevel(let addsPrefixSpace, let pattern):
      if addsPrefixSpace {
        Self.rewrite(&pieces) { text, range, _, result in
          if text[range.lowerBound] != UInt8(ascii: " ") { result.append(UInt8(ascii: " ")) }
          result += text[range]
        }
      }
      if let pattern { try Self.split(&pieces, by: pattern, .isolated, isInverted: false) }
    case .metaspace(let replacement, let scheme, let splits):
      Self.rewrite(&pieces) { text, range, beginsInput, result in
        let start = result.count
        for index in range {
          if text[index] == UInt8(ascii: " ") { result += replacement } else { result.append(text[index]) }
        }
        if scheme == .never || (scheme == .first && !beginsInput) { return }
        if !result.hasPrefix(replacement, at: start, end: result.count) {
          result.insert(contentsOf: replacement, at: start)
        }
      }
      if splits { try Self.split(&pieces, by: .literal(replacement), .mergedWithNext, isInverted: false) }
    case .words(let mark): Self.splitWords(&pieces, mark: mark)
    }
  }

  private static func splitWords(_ pieces: inout Pieces, mark: [UInt8]) {
    guard let lead = mark.first else { return }
    var parts: [Range<Int>] = []
    for range in pieces.ranges {
      var start = range.lowerBound
      var followsMark = true
      var offset = range.lowerBound
      while offset < range.upperBound {
        if pieces.text[offset] == lead, pieces.text.hasPrefix(mark, at: offset, end: range.upperBound) {
          if !followsMark {
            parts.append(start..<offset)
            start = offset
          }
          followsMark = true
          offset += mark.count
        } else {
          followsMark = false
          offset += 1
        }
      }
      parts.append(start..<range.upperBound)
    }
    pieces.ranges = parts
  }

  private static func split(
    _ pieces: inout Pieces, by pattern: SplitPattern, _ behavior: SplitBehavior, isInverted: Bool
  ) throws(TokenizationError) {
    var parts: [Range<Int>] = []
    parts.reserveCapacity(pieces.ranges.count)
    var matches: [Range<Int>] = []
    for range in pieces.ranges {
      matches.removeAll(keepingCapacity: true)
      try pattern.appendMatches(in: pieces.text, range: range, to: &matches)
      behavior.appendParts(of: range, matches: matches, isInverted: isInverted, to: &parts)
    }
    if parts.first?.lowerBound != pieces.ranges.first?.lowerBound { pieces.beginsInput = false }
    pieces.ranges = parts
  }

  /// Replaces each piece.
  private static func rewrite(
    _ pieces: inout Pieces, _ body: ([UInt8], Range<Int>, _ beginsInput: Bool, inout [UInt8]) -> Void
  ) {
    var text: [UInt8] = []
    text.reserveCapacity(pieces.text.count + pieces.text.count / 4 + 8)
    var ranges: [Range<Int>] = []
    for (index, range) in pieces.ranges.enumerated() {
      let start = text.count
      body(pieces.text, range, index == 0 && pieces.beginsInput, &text)
      ranges.append(start..<text.count)
    }
    pieces.text = text
    pieces.ranges = ranges
  }
}
