internal import AloraInference

/// Looks for what explains golden rows that are not the adapter's: known mistakes are tried, the likely and cheap ones
/// first, on as few tokens as tell them apart.
///
/// What comes before a hypothesis' activation is taken from the base's cache, and hypotheses are computed side by side.
struct Diagnosis {
  let verification: Verification
  /// What has explained a prompt; tried first for the next.
  private var known: Hypothesis?
  /// Whether everything has been tried for one prompt: for the others it is not tried again.
  private var hasSearched = false
  /// How many tokens may still be computed.
  private(set) var tokensLeft: Int
  private(set) var triedCount = 0

  /// How many hypotheses are computed together.
  static let batchCount = 32

  init(_ verification: Verification) {
    self.verification = verification
    // What reads 800 GB of weights, were every token computed alone: seconds for a small model, minutes for a large one.
    tokensLeft = min(8192, max(128, 800_000_000_000 / max(1, verification.model.fileByteCount)))
  }

  var adapter: Adapter { verification.adapter }

  /// The likeliest cause in words.
  ///
  /// - Throws: ``InferenceError``, ``FileError``.
  mutating func cause(_ prompt: GoldenPrompt) throws -> String {
    if let start = prompt.start, prompt.positions.last.map({ $0 >= start }) == true,
      prompt.positions.allSatisfy({ prompt.adaptedRows[$0] == prompt.baseRows[$0] })
    {
      return "the adapter changes nothing: its factors are zero"
    }
    if let known, try fits(known, prompt) { return "it fits: \(known.name)" }
    if let found = try activation(prompt, isNear: true) ?? (hasSearched ? nil : try scaling(prompt)) {
      known = try found.isNearlyRight ? truncation(prompt) ?? found : found
      return "it fits: \(known?.name ?? found.name)"
    }
    let failing = prompt.failing
    let isEarly = failing.first.map { $0 < prompt.start ?? prompt.tokens.count } ?? false
    if isEarly || hasSearched, let found = try activation(prompt, isNear: false) {
      known = found
      return "it fits: \(found.name)"
    }
    if isEarly, let first = failing.first {
      return "no activation fits, and position \(first) comes before the adapter's: "
        + baseCause(golden: prompt.golden.filter { failing.contains($0.key) }, computed: prompt.baseRows)
    }
    if hasSearched { return "nothing that was tried fits, as in an earlier case" }
    hasSearched = true
    return try factorCause(prompt, at: failing.first ?? 0)
  }

  /// What has explained a prompt is tried first for the next.
  mutating func remember(_ hypothesis: Hypothesis) { known = hypothesis }

  /// What is wrong with base rows.
  func baseCause(golden: [Int: [Float]], computed: [Int: [Float]]) -> String {
    let correlation = Self.correlation(golden, computed)
    let figure = "the logits correlate by \(Figure(correlation, digits: 4))"
    return correlation >= 0.98
      ? "another quantization of the base, a close relative of it, or a token of the prompt changed (\(figure))"
      : "another base, a much coarser quantization of it, or another prompt (\(figure))"
  }

  /// Pearson's, over all rows, each around its own mean.
  private static func correlation(_ golden: [Int: [Float]], _ computed: [Int: [Float]]) -> Double {
    var (product, one, other) = (0.0, 0.0, 0.0)
    for (position, left) in golden {
      guard let right = computed[position] else { continue }
      let leftMean = left.reduce(0) { $0 + Double($1) } / Double(left.count)
      let rightMean = right.reduce(0) { $0 + Double($1) } / Double(right.count)
      for (a, b) in zip(left, right) {
        let (x, y) = (Double(a) - leftMean, Double(b) - rightMean)
        product += x * y
        one += x * x
        other += y * y
      }
    }
    let scale = (one * other).squareRoot()
    return scale > 0 ? product / scale : 0
  }

  // MARK: Trying

  /// Whether a hypothesis gives all golden rows.
  mutating func fits(_ hypothesis: Hypothesis, _ prompt: GoldenPrompt) throws -> Bool {
    prompt.misfit(try rows(hypothesis, prompt)) <= prompt.tolerance
  }

  /// The rows at all golden positions.
  mutating func rows(_ hypothesis: Hypothesis, _ prompt: GoldenPrompt) throws -> [Int: [Float]] {
    let start = hypothesis.start(in: prompt)
    triedCount += 1
    tokensLeft -= max(0, (prompt.positions.last ?? 0) + 1 - (start ?? prompt.tokens.count))
    return try verification.rows(
      prompt.tokens, start: start, at: prompt.positions, continuing: prompt.base, adapter: hypothesis.adapter)
  }

  /// How far the rows of hypotheses are from the golden one at one position.
  ///
  /// - Returns: a misfit for each that the remaining tokens allowed, in their order.
  mutating func misfits(
    _ hypotheses: [Hypothesis], _ prompt: GoldenPrompt, at position: Int
  ) throws -> [Double] {
    var misfits: [Double] = []
    var isOver = false
    for first in stride(from: 0, to: hypotheses.count, by: Self.batchCount) where !isOver {
      var work: [Work] = []
      for hypothesis in hypotheses[first..<min(first + Self.batchCount, hypotheses.count)] {
        let start = hypothesis.start(in: prompt)
        let shared = min(start ?? position, position)
        isOver = tokensLeft <= position - shared
        guard !isOver else { break }
        tokensLeft -= position + 1 - shared
        let sequence = try TokenSequence(
          continuing: prompt.base.sequence, count: shared, adapter: hypothesis.adapter, activationStart: start)
        work.append(Work(sequence, tokens: Array(prompt.tokens[shared...position]), logits: .last))
      }
      guard !work.isEmpty else { break }
      triedCount += work.count
      misfits += try verification.evaluator.evaluate(work).map { prompt.misfit($0.values, at: position) }
    }
    return misfits
  }
}
