internal import AloraInference

/// Finds the cause of golden rows that don't match. It tries known mistakes, the likely and cheap ones first, on as few
/// tokens as tell them apart.
///
/// Tokens before a hypothesis' activation come from the base's cache, and hypotheses are computed side by side.
struct Diagnosis {
  let verification: Verification
  /// The mistake that explained an earlier prompt; tried first for the next.
  private var known: Hypothesis?
  /// The mistake in the graph that explained an earlier prompt.
  var knownGraph: GraphMistake?
  /// Whether everything has been tried for one prompt: it isn't tried again for the others.
  private var hasSearched = false
  /// How many tokens may still be computed.
  private(set) var tokensLeft: Int
  private(set) var triedCount = 0

  /// How many hypotheses are computed together.
  static let batchCount = 32

  init(_ verification: Verification) {
    self.verification = verification
    // As many as read 800 GB of weights if each is computed alone: seconds for a small model, minutes for a large one.
    tokensLeft = min(8192, max(128, 800_000_000_000 / max(1, verification.model.fileByteCount)))
  }

  var adapter: Adapter { verification.adapter }

  mutating func spend(_ tokenCount: Int) { tokensLeft -= tokenCount }

  /// The likeliest causes for the base's golden rows and for the adapter's; nil for rows that match.
  ///
  /// - Throws: ``InferenceError``, ``FileError``.
  mutating func causes(
    of missed: GoldenPrompt, baseMisses: Bool, adaptedMisses: Bool
  ) throws -> (base: Cause?, adapted: Cause?) {
    if let difference = Self.float32Difference(missed) {
      let cause = Cause.golden(.toleranceBelowFloat32(toleranceThatFits: difference))
      return (baseMisses ? cause : nil, adaptedMisses ? cause : nil)
    }
    var prompt = missed
    // Nothing fits more closely than two float32 implementations agree.
    if prompt.tolerance.limit < Tolerance.standard.limit { prompt.tolerance = .standard }
    var (base, adapted): (Cause?, Cause?)
    if baseMisses { base = Self.float32Cause(prompt.golden.base, prompt.baseRows) }
    if adaptedMisses { adapted = Self.float32Cause(prompt.golden.adapted, prompt.adaptedRows) }
    if baseMisses, base == nil { base = rowCause(prompt.golden.base, prompt.baseRows, prompt) }
    if baseMisses, base == nil, isOfActiveAdapter(prompt) { base = .adapterWasActive }
    if adaptedMisses, adapted == nil { adapted = rowCause(prompt.golden.adapted, prompt.adaptedRows, prompt) }
    if (baseMisses && base == nil) || (adaptedMisses && adapted == nil) {
      if let precision = Self.precision(prompt) {
        if baseMisses { base = base ?? precision.base.map { .golden(.precision($0)) } }
        if adaptedMisses { adapted = adapted ?? precision.adapted.map { .golden(.precision($0)) } }
        prompt.tolerance = precision.tolerance
      } else if (baseMisses && base == nil) || prompt.golden.base.isEmpty, let padding = try padding(prompt) {
        if baseMisses { base = base ?? .golden(.padding(padding)) }
        if adaptedMisses { adapted = adapted ?? .golden(.padding(padding)) }
      }
    }
    if baseMisses, base == nil, let mistake = try graphMistake(prompt) {
      base = .mistake(.graph(mistake))
      if adaptedMisses, adapted == nil, try explainsAdapted(mistake, prompt) { adapted = base }
    }
    if baseMisses, base == nil {
      base = .baseDiffers(Self.difference(prompt.golden.base, prompt.baseRows))
      adapted = adapted ?? (adaptedMisses ? .baseRowsDiffer : nil)
    }
    if adaptedMisses, adapted == nil { adapted = try cause(prompt) }
    return (base, adapted)
  }

  private func rowCause(
    _ golden: [Int: [Float]], _ computed: [Int: [Float]], _ prompt: GoldenPrompt
  ) -> Cause? {
    GoldenRowCheck(golden: golden, computed: computed, tolerance: prompt.tolerance).mistake.map { .golden($0) }
  }

  /// Whether the base's golden rows are those of the adapted model.
  private func isOfActiveAdapter(_ prompt: GoldenPrompt) -> Bool {
    prompt.golden.base.allSatisfy { position, row in
      prompt.tolerance.accepts(RowComparison.relative(expected: row, found: prompt.adaptedRows[position]))
    }
  }

  /// The likeliest cause for the adapter's rows.
  ///
  /// - Throws: ``InferenceError``, ``FileError``.
  private mutating func cause(_ prompt: GoldenPrompt) throws -> Cause {
    if let start = prompt.start, prompt.positions.last.map({ $0 >= start }) == true,
      prompt.positions.allSatisfy({ prompt.adaptedRows[$0] == prompt.baseRows[$0] })
    {
      return .adapterChangesNothing
    }
    if let known, try fits(known, prompt) { return .mistake(known.mistake) }
    if let found = try activation(prompt, isNear: true) ?? (hasSearched ? nil : try scaling(prompt)) {
      let cause = try found.isNearlyRight ? truncation(prompt) ?? found : found
      known = cause
      return .mistake(cause.mistake)
    }
    let failing = prompt.failing
    let isEarly = failing.first.map { $0 < prompt.start ?? prompt.tokens.count } ?? false
    if isEarly || hasSearched, let found = try activation(prompt, isNear: false) {
      known = found
      return .mistake(found.mistake)
    }
    if prompt.golden.base.isEmpty, !hasSearched || knownGraph != nil, let mistake = try graphMistake(prompt) {
      return .mistake(.graph(mistake))
    }
    if isEarly, let first = failing.first {
      return .differsBeforeActivation(
        position: first,
        Self.difference(prompt.golden.adapted.filter { failing.contains($0.key) }, prompt.baseRows))
    }
    if hasSearched { return .unexplainedBefore }
    hasSearched = true
    return try factorCause(prompt, at: failing.first ?? 0)
  }

  /// The mistake is tried first for the next prompt.
  mutating func remember(_ hypothesis: Hypothesis) { known = hypothesis }

  private static func difference(_ golden: [Int: [Float]], _ computed: [Int: [Float]]) -> Cause.BaseDifference {
    Cause.BaseDifference(
      correlation: correlation(golden, computed),
      largest: golden.reduce(0) { max($0, RowComparison.relative(expected: $1.value, found: computed[$1.key])) })
  }

  /// Pearson's correlation over all rows, each around its own mean.
  static func correlation(_ golden: [Int: [Float]], _ computed: [Int: [Float]]) -> Double {
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
    prompt.tolerance.accepts(prompt.misfit(try rows(hypothesis, prompt)))
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
  /// - Returns: a misfit for each hypothesis that the remaining tokens allow, in their order.
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
