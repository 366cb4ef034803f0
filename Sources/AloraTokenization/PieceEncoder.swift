/// Encodes pieces one after another, and caches the results.
///
/// One encoder serves one text; encoders share the model.
struct PieceEncoder {
  private let model: TokenModel
  private var seen = ByteStringTable()
  private var seenTokens: [UInt32] = []
  private var seenEnds: [Int] = []
  private var symbols: [UInt32] = []
  private var candidates: [MergeTable.Merge] = []

  /// Longer pieces are rare and not worth caching.
  private static let longestRemembered = 256
  private static let mostRemembered = 1 << 16
  /// Up to this length, scanning all pairs is faster than a heap.
  private static let longestScanned = 40

  init(_ model: TokenModel) { self.model = model }

  /// Appends the tokens of a piece.
  ///
  /// - Complexity: O(n log n) in the piece's length, O(n) for a cached piece.
  mutating func encode(_ piece: Span<UInt8>, into tokens: inout [UInt32]) {
    guard piece.count <= Self.longestRemembered, seen.count < Self.mostRemembered else {
      if let index = piece.count <= Self.longestRemembered ? seen.index(of: piece) : nil {
        return recall(index, into: &tokens)
      }
      return compute(piece, into: &tokens)
    }
    let (index, isNew) = seen.insert(piece)
    if isNew {
      let start = tokens.count
      compute(piece, into: &tokens)
      seenTokens += tokens[start...]
      seenEnds.append(seenTokens.count)
    } else {
      recall(index, into: &tokens)
    }
  }

  private func recall(_ index: Int, into tokens: inout [UInt32]) {
    for position in (index == 0 ? 0 : seenEnds[index - 1])..<seenEnds[index] { tokens.append(seenTokens[position]) }
  }

  private mutating func compute(_ piece: Span<UInt8>, into tokens: inout [UInt32]) {
    switch model {
    case .scored(let model): model.encode(piece, into: &tokens)
    case .bytePair(let model):
      if let token = model.wholePiece(piece) {
        tokens.append(token)
        return
      }
      symbols.removeAll(keepingCapacity: true)
      model.appendCharacters(of: piece, to: &symbols)
      if symbols.count <= Self.longestScanned {
        merge(by: model.merges)
      } else {
        MergeQueue.merge(&symbols, model.merges)
      }
      tokens += symbols
    }
  }

  /// Merges the pair with the lowest rank, the leftmost if several have it, until no pair can merge.
  private mutating func merge(by merges: MergeTable) {
    guard symbols.count > 1 else { return }
    candidates.removeAll(keepingCapacity: true)
    for index in 0..<(symbols.count - 1) { candidates.append(merges.merge(symbols[index], symbols[index + 1])) }
    while true {
      var best = MergeTable.none
      var position = 0
      for index in candidates.indices where candidates[index] < best {
        best = candidates[index]
        position = index
      }
      guard best != MergeTable.none else { return }
      symbols[position] = MergeTable.token(of: best)
      symbols.remove(at: position + 1)
      candidates.remove(at: position)
      if position < candidates.count {
        candidates[position] = merges.merge(symbols[position], symbols[position + 1])
      }
      if position > 0 {
        candidates[position - 1] = merges.merge(symbols[position - 1], symbols[position])
      }
    }
  }
}
