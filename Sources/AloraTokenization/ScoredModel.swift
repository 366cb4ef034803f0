/// A SentencePiece model of pieces with scores, as GGUF files carry it: neighbours merge if together they are a
/// piece, the highest score first.
///
/// Source: `llm_tokenizer_spm_session` of llama.cpp.
struct ScoredModel: Sendable {
  let vocabulary: Vocabulary
  /// By id.
  let scores: [Float]
  /// The tokens of the 256 bytes, for characters that aren't in the vocabulary.
  let byteTokens: [UInt32?]

  private struct Candidate: Comparable {
    let score: Float
    let left: Int
    let byteCount: Int

    static func < (a: Candidate, b: Candidate) -> Bool {
      a.score > b.score || (a.score == b.score && a.left < b.left)
    }
  }

  /// Appends the tokens of a piece.
  ///
  /// - Complexity: O(n log n).
  func encode(_ piece: Span<UInt8>, into tokens: inout [UInt32]) {
    // A symbol is known by the offset of its first byte; `ends` and `next` are looked up there.
    let count = piece.count
    guard count > 0 else { return }
    var ends = [Int](repeating: 0, count: count)
    var previous = [Int](repeating: -1, count: count)
    var candidates = MinimumHeap<Candidate>()
    func consider(_ left: Int, _ right: Int) {
      guard let id = vocabulary.id(of: piece.extracting(left..<ends[right])), scores.indices.contains(Int(id)) else {
        return
      }
      candidates.push(Candidate(score: scores[Int(id)], left: left, byteCount: ends[right] - left))
    }
    var offset = 0
    var last = -1
    while offset < count {
      ends[offset] = min(offset + UTF8Text.length(ofLead: piece[offset]), count)
      previous[offset] = last
      last = offset
      offset = ends[offset]
    }
    offset = 0
    while ends[offset] < count {
      consider(offset, ends[offset])
      offset = ends[offset]
    }
    while let best = candidates.pop() {
      let (left, middle) = (best.left, ends[best.left])
      // Stale if the left symbol is gone (its end is 0), or either has grown.
      guard middle > left, middle < count, ends[middle] - left == best.byteCount else { continue }
      ends[left] = ends[middle]
      ends[middle] = 0
      if ends[left] < count { previous[ends[left]] = left }
      if previous[left] >= 0 { consider(previous[left], left) }
      if ends[left] < count { consider(left, ends[left]) }
    }
    offset = 0
    while offset < count {
      append(piece.extracting(offset..<ends[offset]), to: &tokens)
      offset = ends[offset]
    }
  }

  private func append(_ symbol: Span<UInt8>, to tokens: inout [UInt32]) {
    if let id = vocabulary.id(of: symbol) {
      tokens.append(id)
    } else {
      for index in symbol.indices {
        if let token = byteTokens[Int(symbol[index])] { tokens.append(token) }
      }
    }
  }
}
