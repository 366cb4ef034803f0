/// The logits of consecutive positions of one sequence.
package struct Logits: Sendable {
  package let positions: Range<Int>
  package let vocabularySize: Int
  /// Shape: `[positions, vocabulary]`
  package let values: [Float]

  /// The logits of one of the positions.
  package subscript(position: Int) -> ArraySlice<Float> {
    let row = position - positions.lowerBound
    return values[(row * vocabularySize)..<((row + 1) * vocabularySize)]
  }
}

/// Tokens to compute next for one sequence.
package struct Work {
  /// The tokens whose logits are wanted.
  package enum LogitSelection: Hashable, Sendable {
    case none, last, all
    /// Counted from the first of the tokens.
    case rows(Range<Int>)
  }
  package let sequence: TokenSequence
  package let tokens: [Int]
  package let logits: LogitSelection

  package init(_ sequence: TokenSequence, tokens: [Int], logits: LogitSelection) {
    self.sequence = sequence
    self.tokens = tokens
    self.logits = logits
  }

  /// The rows of a pass whose logits are wanted.
  func wantedRows(of segment: Segment) -> Range<Int> {
    // What a sequence had still to compute comes before these tokens.
    let (count, first) = (tokens.count, segment.rows.upperBound - tokens.count)
    let wanted =
      switch logits {
      case .none: 0..<0
      case .last: (count - 1)..<count
      case .all: 0..<count
      case .rows(let range): range.clamped(to: 0..<count)
      }
    return (first + wanted.lowerBound)..<(first + wanted.upperBound)
  }
}
