/// A token that is searched for in the text before the model runs.
struct AddedToken: Hashable, Sendable {
  var id: UInt32
  /// The text to search for, normalized if the token is.
  var content: [UInt8]
  /// Whether it matches only without a word character on either side.
  var isSingleWord = false
  /// Whether it removes the white space on its left.
  var stripsLeft = false
  var stripsRight = false
  /// Where it is searched for.
  var texts: SearchedTexts = .original
  /// Whether a decoder omits it when it skips special tokens.
  var isSpecial = false
}

/// Where an added token is searched for: in the original text, in the normalized one, or in both.
struct SearchedTexts: OptionSet, Hashable, Sendable {
  let rawValue: UInt8

  static let original = SearchedTexts(rawValue: 1)
  static let normalized = SearchedTexts(rawValue: 2)
}

/// A stretch of text: an added token, or text for the model.
enum TextSection: Hashable {
  case token(UInt32)
  case text(Range<Int>)
}

/// Finds added tokens: the leftmost match, the longest of those that start there.
struct AddedTokenMatcher: Sendable {
  private let tokens: [AddedToken]
  private var startsToken = [Bool](repeating: false, count: 256)
  /// The node that a byte leads to from a node. Nodes are numbered from 0, the root.
  private var edges: [UInt64: UInt32] = [:]
  /// The token that ends at a node, as its index in `tokens`.
  private var tokenAtNode: [Int32] = [-1]

  /// Contents longer than this are refused: they would make matching quadratic.
  static let longestContent = 1024

  /// - Returns: nil if two tokens have the same content.
  init?(_ tokens: [AddedToken]) {
    self.tokens = tokens
    for (index, token) in tokens.enumerated() where !token.content.isEmpty {
      var node: UInt32 = 0
      for byte in token.content {
        let edge = UInt64(node) << 8 | UInt64(byte)
        if let next = edges[edge] {
          node = next
        } else {
          edges[edge] = UInt32(tokenAtNode.count)
          node = UInt32(tokenAtNode.count)
          tokenAtNode.append(-1)
        }
      }
      guard tokenAtNode[Int(node)] < 0 else { return nil }
      tokenAtNode[Int(node)] = Int32(index)
      startsToken[Int(token.content[0])] = true
    }
  }

  var isEmpty: Bool { tokens.isEmpty }

  /// Splits a text into sections, in order. Empty text has none.
  func sections(of text: [UInt8], in range: Range<Int>) -> [TextSection] {
    guard !range.isEmpty else { return [] }
    var sections: [TextSection] = []
    var done = range.lowerBound
    var offset = range.lowerBound
    while offset < range.upperBound {
      guard startsToken[Int(text[offset])], let (index, end) = longestMatch(text, at: offset, limit: range.upperBound)
      else {
        offset += 1
        continue
      }
      let token = tokens[index]
      let match = offset..<end
      offset = end
      guard !token.isSingleWord || isAlone(match, in: text, range) else { continue }
      let start = token.stripsLeft ? max(whiteSpaceStart(text, match.lowerBound, limit: done), done) : match.lowerBound
      // If the previous token stripped white space beyond this match, all of this match is gone.
      let stop = token.stripsRight ? whiteSpaceEnd(text, max(match.upperBound, done), range) : match.upperBound
      if done < start { sections.append(.text(done..<start)) }
      // If the previous token left nothing of this match, the match is omitted, as in the reference.
      if start < stop { sections.append(.token(token.id)) }
      done = stop
    }
    if done != range.upperBound { sections.append(.text(done..<range.upperBound)) }
    return sections
  }

  private func longestMatch(_ text: [UInt8], at offset: Int, limit: Int) -> (index: Int, end: Int)? {
    var node: UInt32 = 0
    var end = offset
    var found: (Int, Int)?
    while end < limit, let next = edges[UInt64(node) << 8 | UInt64(text[end])] {
      node = next
      end += 1
      if tokenAtNode[Int(node)] >= 0 { found = (Int(tokenAtNode[Int(node)]), end) }
    }
    return found
  }

  private func isAlone(_ match: Range<Int>, in text: [UInt8], _ range: Range<Int>) -> Bool {
    if match.lowerBound > range.lowerBound,
      UTF8Text.isWordCharacter(UTF8Text.scalar(in: text, before: match.lowerBound).value)
    {
      return false
    }
    return match.upperBound == range.upperBound
      || !UTF8Text.isWordCharacter(UTF8Text.scalar(in: text, at: match.upperBound).value)
  }

  private func whiteSpaceStart(_ text: [UInt8], _ end: Int, limit: Int) -> Int {
    var start = end
    while start > limit {
      let (scalar, count) = UTF8Text.scalar(in: text, before: start)
      guard UTF8Text.isWhiteSpace(scalar), start - count >= limit else { break }
      start -= count
    }
    return start
  }

  private func whiteSpaceEnd(_ text: [UInt8], _ start: Int, _ range: Range<Int>) -> Int {
    var end = start
    while end < range.upperBound {
      let (scalar, count) = UTF8Text.scalar(in: text, at: end)
      guard UTF8Text.isWhiteSpace(scalar) else { break }
      end += count
    }
    return end
  }
}
