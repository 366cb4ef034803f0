internal import AloraInference

/// The exact engine's answers to a prompt under different hypotheses.
final class ReferenceRuns {
  /// The weights that compute each token.
  struct Setting: Hashable {
    /// The first adapted token; nil: the adapter is off.
    var start: Int?
    /// A factor of the adapter's scaling.
    var scale: Double
    /// The positions that are kept from an earlier run.
    var kept: Kept?
  }

  struct Kept: Hashable {
    let count: Int
    /// Of that run.
    let start: Int?
    let scale: Double
  }

  private let evaluator: Evaluator
  private let adapter: Adapter
  /// How long a text may become at the server; nil if it doesn't say.
  private let contextLength: Int?
  private var bases: [[Int]: TokenSequence] = [:]
  private var scaled: [Double: Adapter] = [:]

  init(evaluator: Evaluator, adapter: Adapter, contextLength: Int?) {
    self.evaluator = evaluator
    self.adapter = adapter
    self.contextLength = contextLength
  }

  var vocabularySize: Int { evaluator.model.vocabularySize }

  private func adapter(scaledBy factor: Double) -> Adapter {
    if let made = scaled[factor] { return made }
    let made = adapter.scaled(by: Float(factor))
    scaled[factor] = made
    return made
  }

  /// The base's keys and values for all tokens but the last.
  private func base(_ tokens: [Int]) throws -> TokenSequence {
    if let sequence = bases[tokens] { return sequence }
    let sequence = TokenSequence(model: evaluator.model, declaredLength: max(tokens.count, contextLength ?? 0))
    if tokens.count > 1 {
      _ = try evaluator.evaluate([Work(sequence, tokens: Array(tokens.dropLast()), logits: .none)])
    }
    bases[tokens] = sequence
    return sequence
  }

  /// The cache of an earlier run of the same tokens.
  private func earlier(_ base: TokenSequence, _ kept: Kept) throws -> TokenSequence {
    guard let start = kept.start, start < kept.count else { return base }
    let count = min(kept.count, base.tokens.count)
    let sequence = try TokenSequence(
      continuing: base, count: min(start, count), adapter: adapter(scaledBy: kept.scale), activationStart: start)
    if sequence.tokens.count < count {
      let rest = Array(base.tokens[sequence.tokens.count..<count])
      _ = try evaluator.evaluate([Work(sequence, tokens: rest, logits: .none)])
    }
    return sequence
  }

  /// The logits after the last token, for each setting.
  ///
  /// Tokens before the activation are computed once.
  func logits(_ tokens: [Int], _ settings: [Setting]) throws -> [ArraySlice<Float>] {
    let base = try base(tokens)
    let last = tokens.count - 1
    let work = try settings.map { setting in
      let adapter = setting.start == nil ? nil : adapter(scaledBy: setting.scale)
      let sequence: TokenSequence
      if let kept = setting.kept {
        sequence = TokenSequence(
          keeping: min(kept.count, last), of: try earlier(base, kept), adapter: adapter, activationStart: setting.start)
      } else {
        sequence = try TokenSequence(
          continuing: base, count: min(setting.start ?? last, last), adapter: adapter, activationStart: setting.start)
      }
      return Work(sequence, tokens: Array(tokens[sequence.tokens.count...]), logits: .last)
    }
    return try evaluator.evaluate(work).map { $0[last] }
  }

  /// The root mean square of the differences between a server's candidates and each setting. Units: nats.
  func residuals(_ tokens: [Int], _ answer: CompletionAnswer, _ settings: [Setting]) throws -> [Double] {
    try logits(tokens, settings).map { row in
      let normalizer = logSumExp(row)
      let sum = answer.candidates.reduce(0.0) { sum, candidate in
        guard candidate.token < row.count else { return .infinity }
        let difference = candidate.logProbability - (Double(row[row.startIndex + candidate.token]) - normalizer)
        return sum + difference * difference
      }
      return (sum / Double(max(1, answer.candidates.count))).squareRoot()
    }
  }

  /// The mean square of the difference of each two settings, at tokens that one of them finds likely.
  ///
  /// Shape: `[settings, settings]`. Units: nats².
  func separations(_ tokens: [Int], _ settings: [Setting]) throws -> [[Double]] {
    let rows = try logits(tokens, settings)
    let normalizers = rows.map(logSumExp)
    let likely = rows.map { row in
      // Down to six nats below the top, about as far as servers' lists reach.
      let least = (row.max() ?? 0) - 6
      return row.indices.lazy.filter { row[$0] >= least }.prefix(64).map { $0 - row.startIndex }
    }
    func separation(_ i: Int, _ j: Int) -> Double {
      let sum = likely[i].reduce(0.0) { sum, token in
        let one = Double(rows[i][rows[i].startIndex + token]) - normalizers[i]
        let other = Double(rows[j][rows[j].startIndex + token]) - normalizers[j]
        return sum + (one - other) * (one - other)
      }
      return sum / Double(max(1, likely[i].count))
    }
    return rows.indices.map { i in rows.indices.map { j in min(separation(i, j), separation(j, i)) } }
  }
}
