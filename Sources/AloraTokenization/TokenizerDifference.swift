/// How the tokens of one tokenizer differ from those of another.
package struct TokenizerDifference: Hashable, Sendable {
  package struct Token: Hashable, Sendable {
    package let id: Int
    package let piece: String
    /// What the other tokenizer has for this id; nil if it has nothing.
    package let otherPiece: String?
  }

  /// Tokens that the other tokenizer doesn't have.
  package let additionalCount: Int
  package let firstAdditional: Token?
  /// Ids that stand for another piece there.
  package let changedCount: Int
  package let firstChanged: Token?
  /// An ordinary text that becomes other tokens, although the vocabularies agree.
  package let text: String?

  package var isEmpty: Bool { additionalCount == 0 && changedCount == 0 && text == nil }
}

extension Tokenizer {
  /// How this tokenizer differs from `other`. Tokens that only the other has don't count: published files pad vocabularies.
  ///
  /// - Throws: `patternFailed`.
  /// - Complexity: O(size of the vocabulary).
  package func difference(from other: Tokenizer) throws(TokenizationError) -> TokenizerDifference {
    var additional: [Int] = []
    var changed: [Int] = []
    for id in 0..<idLimit {
      guard let own = pieceBytes(of: id) else { continue }
      if let theirs = other.pieceBytes(of: id) {
        if !own.elementsEqual(theirs) { changed.append(id) }
      } else {
        additional.append(id)
      }
    }
    func token(_ id: Int?) -> TokenizerDifference.Token? {
      id.map { .init(id: $0, piece: piece(of: $0) ?? "", otherPiece: other.piece(of: $0)) }
    }
    var text: String?
    if additional.isEmpty, changed.isEmpty {
      for probe in Self.probes where try encode(probe) != other.encode(probe) {
        text = probe
        break
      }
    }
    return TokenizerDifference(
      additionalCount: additional.count, firstAdditional: token(additional.first), changedCount: changed.count,
      firstChanged: token(changed.first), text: text)
  }

  /// Plain texts: tokenizers that agree on them rarely differ on others.
  private static let probes = [
    "Hello, world!", "What's the answer to 12345 + 678?\n\nI'll say  it twice.",
    "def f(x):\n    return x_1 // 2  # ok\n",
  ]

  private func pieceBytes(of id: Int) -> ArraySlice<UInt8>? {
    UInt32(exactly: id).flatMap { addedPieces[$0] }.map { $0[...] } ?? model.vocabulary.piece(of: id)
  }
}
