/// A model that turns a piece of text into tokens.
enum TokenModel: Sendable {
  case bytePair(BytePairModel)
  case scored(ScoredModel)

  var vocabulary: Vocabulary {
    switch self {
    case .bytePair(let model): model.vocabulary
    case .scored(let model): model.vocabulary
    }
  }

  /// Whether no token and no merge crosses the space mark at the beginning of a word.
  ///
  /// If so, words can be encoded one at a time, which is faster and gives the same tokens.
  func keepsWordsApart(mark: [UInt8]) -> Bool {
    switch self {
    case .bytePair(let model):
      guard model.byteLevel == nil, !model.ignoresMerges, model.vocabulary.id(of: mark) != nil else { return false }
      guard model.byteTokens.map({ tokens in tokens.allSatisfy { $0 != nil } }) ?? true else { return false }
    case .scored(let model):
      guard model.vocabulary.id(of: mark) != nil else { return false }
    }
    for id in 0..<vocabulary.idLimit {
      guard let piece = vocabulary.piece(of: id) else { continue }
      if Self.hasInnerMark(Array(piece), mark) { return false }
    }
    return true
  }

  private static func hasInnerMark(_ piece: [UInt8], _ mark: [UInt8]) -> Bool {
    var offset = 0
    while piece.hasPrefix(mark, at: offset, end: piece.count) { offset += mark.count }
    while offset < piece.count {
      if piece.hasPrefix(mark, at: offset, end: piece.count) { return true }
      offset += 1
    }
    return false
  }
}
