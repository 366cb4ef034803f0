internal import AloraSystem
internal import AloraInference

extension TopTokens {
  /// The largest logits of a row; of equals, the first. NaN is left out.
  ///
  /// - Complexity: O(V).
  static func entries(of row: [Float]) -> [Entry] {
    var best: [Int] = []
    for (token, logit) in row.enumerated() where !logit.isNaN {
      if best.count == count, !(logit > row[best[count - 1]]) { continue }
      best.insert(token, at: best.firstIndex { logit > row[$0] } ?? best.count)
      if best.count > count { best.removeLast() }
    }
    let normalizer = logSumExp(row[...])
    return best.map { Entry(token: $0, logit: row[$0], probability: exp(Double(row[$0]) - normalizer)) }
  }
}
