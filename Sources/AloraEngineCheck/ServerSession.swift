/// Turns a server's answers into verdicts.
struct ServerSession {
  let planner: ServerPlanner
  let runs: ReferenceRuns
  var noise = EngineFit.noiseFloor
  var verdicts: [ServerVerdict] = []
  var requestCount = 0
  /// A token after which the server's answer doesn't end within a character.
  var wholeToken: Int?

  private func entries(
    _ plan: ServerCheckPlan, _ answers: [CompletionAnswer], _ hypotheses: [EngineHypothesis]
  ) throws -> [EngineFit.Entry] {
    var residuals = hypotheses.map { _ in [Double]() }
    for (probe, answer) in zip(plan.probes, answers) {
      let settings = hypotheses.map { planner.setting($0, probe, answer) }
      let distinct = Array(Set(settings))
      let values = try runs.residuals(probe.request.tokens, answer, distinct)
      let bySetting = Dictionary(uniqueKeysWithValues: zip(distinct, values))
      for index in settings.indices { residuals[index].append(bySetting[settings[index]] ?? .infinity) }
    }
    return zip(hypotheses, residuals).map { EngineFit.Entry($0, residuals: $1) }
  }

  mutating func judge(_ plan: ServerCheckPlan, _ answers: [CompletionAnswer]) throws {
    let expected = EngineHypothesis(plan.expected)
    if plan.kind == .base { return try judgeBase(plan, answers, expected) }
    var fit = EngineFit(try entries(plan, answers, planner.hypotheses(plan, answers, factors: [1])), noise: noise)
    if !fit.isExplained || (plan.probes.contains { $0.scale != 1 && $0.scale != 0 }) {
      fit = EngineFit(
        try entries(plan, answers, planner.hypotheses(plan, answers, factors: [1, 0.5, 2])), noise: noise)
    }
    verdicts.append(
      ServerVerdict(
        plan.kind, expected: expected, fit: fit, excluded: excluded(for: plan), notes: notes(plan, answers, fit),
        other: plan.other))
    if plan.kind == .middle { try judgeScaling(plan, answers, fit) }
  }

  /// Two answers of one server to a prompt may differ by this much, by the way it divides the prompt.
  ///
  /// Units: nats.
  private static let ownDifference = 0.02

  /// Judges how much the answers of the last check differ from those to the same prompts without anything before them.
  mutating func judge(_ differences: [Double]) {
    guard !differences.isEmpty, let last = verdicts.last else { return }
    let mean = (differences.reduce(0) { $0 + $1 * $1 } / Double(differences.count)).squareRoot()
    if mean > max(Self.ownDifference, 2 * noise) { verdicts[verdicts.count - 1] = last.differing(by: mean) }
  }

  mutating func skip(_ plan: ServerCheckPlan, _ reason: ServerCheckPlan.SkipReason) {
    verdicts.append(
      ServerVerdict(plan.kind, .skipped, .skipped(reason), expected: EngineHypothesis(plan.expected)))
  }

  /// The verdict if the server refused every prompt: right, if nothing would have activated the adapter.
  mutating func judgeRefusal(_ plan: ServerCheckPlan) {
    verdicts.append(ServerVerdict(plan.kind, .passed, .refused, expected: EngineHypothesis(plan.expected)))
  }

  /// The base's answers show how far this server is from the reference without any fault.
  private mutating func judgeBase(
    _ plan: ServerCheckPlan, _ answers: [CompletionAnswer], _ expected: EngineHypothesis
  ) throws {
    let all = try entries(plan, answers, planner.hypotheses(plan, answers, factors: [1]))
    let own = all.first { $0.hypothesis == expected }?.residual ?? .infinity
    noise = max(EngineFit.noiseFloor, own.isFinite ? own : EngineFit.noiseFloor)
    let limit = min(ServerCheck.baseTolerance, ServerCheck.baseShare * Self.spread(answers))
    let fit = EngineFit(all, noise: min(noise, limit))
    if own <= limit {
      verdicts.append(ServerVerdict(plan.kind, expected: expected, fit: fit))
      return
    }
    let other = fit.best.flatMap { $0.hypothesis != expected && $0.residual <= limit ? $0.hypothesis : nil }
    verdicts.append(ServerVerdict(plan.kind, .failed, .otherBase(applied: other), expected: expected, fit: fit))
  }

  /// The root mean square of the candidates' log-probabilities around their mean. Units: nats.
  private static func spread(_ answers: [CompletionAnswer]) -> Double {
    let squares = answers.flatMap { answer in
      let mean = answer.candidates.reduce(0) { $0 + $1.logProbability } / Double(max(1, answer.candidates.count))
      return answer.candidates.map { ($0.logProbability - mean) * ($0.logProbability - mean) }
    }
    return (squares.reduce(0, +) / Double(max(1, squares.count))).squareRoot()
  }

  /// The check with the same prompts, or similar ones, without a cache and at scale 1.
  private func plainer(than plan: ServerCheckPlan) -> ServerVerdict? {
    let plainer: ServerCheckPlan.Kind? =
      switch plan.kind {
      case .base, .middle, .scaling, .ownLastToken, .atStart, .twice, .none: nil
      case .adapterFurtherOn: .twice
      case .baseThenAdapterAtStart: .atStart
      case .adapterThenBase: .base
      case .defaultScale: plan.expected == .off ? .base : .middle
      case .halfScale, .openAI, .baseThenAdapter, .adapterThenOther, .adapterTwice: .middle
      case .otherThenAdapter, .secondOtherThenAdapter, .thirdOtherThenAdapter: .middle
      }
    return verdicts.first { $0.kind == plainer }
  }

  /// The activations that the plainer check excludes.
  private func excluded(for plan: ServerCheckPlan) -> Set<EngineHypothesis.Activation> {
    guard let verdict = plainer(than: plan), let fit = verdict.fit, fit.isExplained else { return [] }
    return Set(fit.entries.map(\.hypothesis.activation)).subtracting(verdict.compatible.map(\.activation))
  }

  /// What a fault means in this check, whether the cache plays a part in it, and how many tokens came from there.
  private func notes(
    _ plan: ServerCheckPlan, _ answers: [CompletionAnswer], _ fit: EngineFit
  ) -> [ServerVerdict.Note] {
    let best = fit.best?.hypothesis.activation
    if plan.kind == .ownLastToken, best == .off {
      return [.invocationMissedBeforeItsLastToken]
    }
    guard plan.probes.contains(where: { !$0.before.isEmpty }) else { return [] }
    let before = plainer(than: plan)
    if let before, before.outcome == .failed, before.fit?.best?.hypothesis == fit.best?.hypothesis {
      return [.sameWithoutCache]
    }
    let reused = zip(plan.probes, answers).compactMap { probe, answer in
      answer.cachedTokenCount.map {
        ServerVerdict.Note.Reuse(cachedCount: $0, tokenCount: probe.request.tokens.count)
      }
    }
    let taken: [ServerVerdict.Note] =
      reused.isEmpty ? [] : reused.contains { $0.cachedCount > 0 } ? [.reusedTokens(reused)] : [.nothingReused]
    return plan.other != nil && !fit.isExplained ? [.otherAdapterMayBeKept] + taken : taken
  }

  /// Fits the factor of the scaling, with the activation that fits best.
  private mutating func judgeScaling(
    _ plan: ServerCheckPlan, _ answers: [CompletionAnswer], _ fit: EngineFit
  ) throws {
    let expected = EngineHypothesis(plan.expected)
    guard let best = fit.best?.hypothesis, best.activation != .off else {
      verdicts.append(
        ServerVerdict(.scaling, .skipped, .skipped(.adapterNotApplied), expected: expected))
      return
    }
    let quarter = 2.0.squareRoot().squareRoot()
    let factors = (-8...8).map { exponent in
      (0..<abs(exponent)).reduce(1.0) { value, _ in exponent < 0 ? value / quarter : value * quarter }
    }
    // Rounding must not change a factor of 1.
    let hypotheses = factors.map { EngineHypothesis(best.activation, factor: abs($0 - 1) < 1e-9 ? 1 : $0) }
    let entries = try entries(plan, answers, hypotheses)
    let scaled = EngineFit(entries, noise: noise)
    let fitting = Set(scaled.compatible)
    let kept = hypotheses.indices.filter { fitting.contains(hypotheses[$0]) }
    guard let lowest = kept.first, let highest = kept.last,
      let least = entries.indices.min(by: { entries[$0].meanSquare < entries[$1].meanSquare })
    else { return }
    let value = try refined(factors, entries.map(\.meanSquare), at: least) { factor in
      try self.entries(plan, answers, [EngineHypothesis(best.activation, factor: factor)])[0].meanSquare
    }
    let lower = factors[max(0, lowest - 1)]
    let upper = factors[min(factors.count - 1, highest + 1)]
    let isOne = hypotheses.indices.contains { hypotheses[$0].factor == 1 && kept.contains($0) }
    let isNarrow = lower > 0.499 && upper < 2.001
    let outcome: ServerVerdict.Outcome =
      !scaled.isExplained || !isOne ? .failed : isNarrow ? .passed : .undecided
    verdicts.append(
      ServerVerdict(
        .scaling, outcome,
        .scaling(
          .init(
            value: value, lower: lower, upper: upper, fittingCount: kept.count, triedCount: factors.count)),
        expected: EngineHypothesis(best.activation), fit: scaled))
  }

  /// The factor with the smallest mean square, between the neighbors of the one at `index`.
  ///
  /// The mean square isn't a parabola of the factor, so the one through the smallest value and its neighbors is off by a few
  /// percent. It is taken once the neighbors are near.
  private func refined(
    _ factors: [Double], _ values: [Double], at index: Int, meanSquare: (Double) throws -> Double
  ) throws -> Double {
    guard index > 0, index + 1 < factors.count else { return factors[index] }
    var (points, squares) = (Array(factors[(index - 1)...(index + 1)]), Array(values[(index - 1)...(index + 1)]))
    for _ in 0..<3 {
      let (lower, upper) = ((points[0] + points[1]) / 2, (points[1] + points[2]) / 2)
      points = [points[0], lower, points[1], upper, points[2]]
      squares = [squares[0], try meanSquare(lower), squares[1], try meanSquare(upper), squares[2]]
      let least = (1...3).min { squares[$0] < squares[$1] } ?? 2
      (points, squares) = (Array(points[(least - 1)...(least + 1)]), Array(squares[(least - 1)...(least + 1)]))
    }
    return Self.vertex(squares, at: 1, points)
  }

  /// The minimum of the parabola through the smallest value and its neighbors.
  static func vertex(_ values: [Double], at index: Int, _ factors: [Double]) -> Double {
    guard index > 0, index + 1 < values.count else { return factors[index] }
    let (left, right) = (factors[index - 1] - factors[index], factors[index + 1] - factors[index])
    // Through the middle point as the origin: a x² + b x.
    let (down, up) = (values[index - 1] - values[index], values[index + 1] - values[index])
    let curvature = (down / left - up / right) / (left - right)
    guard curvature > 0 else { return factors[index] }
    let slope = up / right - curvature * right
    return factors[index] + max(left, min(right, -slope / (2 * curvature)))
  }
}
