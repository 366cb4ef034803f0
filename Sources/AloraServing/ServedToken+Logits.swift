internal import AloraInference

extension ServedToken {
  /// - Parameters:
  ///   - logits: of the whole vocabulary.
  ///   - count: how many alternatives are wanted; nil: no probabilities at all.
  init(_ token: Int, _ logits: ArraySlice<Float>, count: Int?) {
    guard let count else {
      self.init(token: token, logProbability: nil, alternatives: [])
      return
    }
    let sum = logSumExp(logits)
    let values = Array(logits)
    self.init(
      token: token, logProbability: Double(values[token]) - sum,
      alternatives: Self.greatest(values, count: count).map {
        .init(token: $0, logProbability: Double(values[$0]) - sum)
      })
  }

  /// The tokens of the greatest logits, the greatest first; of equal ones, the lower token.
  static func greatest(_ logits: [Float], count: Int) -> [Int] {
    var best: [Int] = []
    guard count > 0 else { return best }
    for (token, logit) in logits.enumerated() where !logit.isNaN {
      if best.count == count {
        guard logit > logits[best[count - 1]] else { continue }
        best.removeLast()
      }
      best.insert(token, at: best.firstIndex { logits[$0] < logit } ?? best.count)
    }
    return best
  }
}
