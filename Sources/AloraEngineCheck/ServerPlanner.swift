/// Plans the checks of one adapter of a server.
struct ServerPlanner {
  let contexts: ServerContexts
  let invocation: [Int]?
  /// The adapter's identifier at the server.
  let identifier: ServerAdapter.Identifier
  /// All of the server's adapters.
  let adapters: [ServerAdapter]
  let capabilities: ServerCapabilities
  /// See ``InferenceServer/canSend(_:)``.
  var canSend: ([Int]) -> Bool = { _ in true }

  func request(_ tokens: [Int], _ scale: Double, reuses: Bool = false, of chosen: ServerAdapter.Identifier? = nil)
    -> CompletionRequest
  {
    var scales = Dictionary(uniqueKeysWithValues: adapters.map { ($0.identifier, 0.0) })
    scales[chosen ?? identifier] = scale
    return CompletionRequest(tokens: tokens, scales: scales, reusesCache: reuses)
  }

  private func fresh(_ tokens: [Int], scale: Double = 1) -> ServerProbe {
    ServerProbe(request: request(tokens, scale), scale: scale)
  }

  private func after(_ first: [Int], _ firstScale: Double, _ tokens: [Int], scale: Double = 1) -> ServerProbe {
    ServerProbe(
      before: [request(first, firstScale)], beforeScale: firstScale, request: request(tokens, scale, reuses: true),
      scale: scale)
  }

  var whenOn: EngineHypothesis.Activation { invocation == nil ? .everywhere : .shifted(0) }

  /// - Throws: what the reference cannot compute.
  func plans(_ runs: ReferenceRuns) throws -> [ServerCheckPlan] {
    let mark = invocation ?? []
    let selection = PromptSelection(runs: runs)
    func choose(_ count: Int, _ candidates: [[Int]], fixed: [[Int]] = []) throws -> [[Int]] {
      try selection.choose(count, from: candidates.filter(canSend), fixed: fixed.filter(canSend)) { tokens in
        activations(whenOn, hasCache: false).map { setting(EngineHypothesis($0), fresh(tokens), nil) }
      }
    }
    let middles = try choose(5, contexts.middles(mark), fixed: contexts.longMiddles(mark))
    // Without the long prompt, because short ones show more.
    let long = Set(contexts.longMiddles(mark))
    let short = middles.filter { !long.contains($0) }
    let starts = contexts.starts(mark)
    var plans = [
      plan(.base, middles.map { fresh($0, scale: 0) }, .off), plan(.middle, middles.map { fresh($0) }, whenOn),
      plan(.halfScale, middles.map { fresh($0, scale: 0.5) }, whenOn),
    ]
    if invocation != nil {
      let twices = try choose(4, contexts.twices(mark))
      // Up to the second invocation, which the previous request doesn't have.
      let furtherOn = twices.map { text in
        let end = EngineHypothesis.occurrences(of: mark, in: text).last ?? text.count
        return after(Array(text[..<end]), 1, text)
      }
      plans += [
        plan(.ownLastToken, contexts.ownLastTokens(mark).map { fresh($0) }, whenOn),
        plan(.atStart, starts.map { fresh($0) }, whenOn), plan(.twice, twices.map { fresh($0) }, whenOn),
        plan(.none, contexts.plains().map { fresh($0) }, .off),
        plan(.baseThenAdapterAtStart, starts.map { after($0, 0, $0) }, whenOn),
        plan(.adapterFurtherOn, furtherOn, whenOn),
      ]
    }
    plans += [
      plan(.baseThenAdapter, short.map { after($0, 0, $0) }, whenOn),
      plan(.adapterThenBase, short.map { after($0, 1, $0, scale: 0) }, .off),
      plan(.adapterThenOther, short.map { after($0, 1, $0, scale: 0.5) }, whenOn),
      plan(.adapterTwice, short.map { after($0, 1, $0) }, whenOn),
    ]
    plans += otherPlans(short, vocabularySize: runs.vocabularySize) + [defaultScalePlan(short)]
    plans.append(
      plan(
        .openAI,
        middles.map { tokens in
          var probe = fresh(tokens)
          probe.request.endpoint = .openAI
          return probe
        }, whenOn))
    let order = ServerCheckPlan.Kind.allCases
    for index in plans.indices where plans[index].skipReason == nil {
      let missing = plans[index].kind.needs.subtracting(capabilities)
      if !missing.isEmpty { plans[index].skipReason = .engineLacks(missing) }
      plans[index].probes.removeAll { probe in
        !(probe.before + [probe.request]).allSatisfy { canSend($0.tokens) }
      }
      if plans[index].skipReason == nil, plans[index].probes.isEmpty { plans[index].skipReason = .promptsNotSendable }
    }
    return plans.sorted { (order.firstIndex(of: $0.kind) ?? 0) < (order.firstIndex(of: $1.kind) ?? 0) }
  }

  func plan(
    _ kind: ServerCheckPlan.Kind, _ probes: [ServerProbe], _ expected: EngineHypothesis.Activation
  ) -> ServerCheckPlan { ServerCheckPlan(kind: kind, probes: probes, expected: expected) }

  /// The hypotheses for a request, the expected one first.
  private func activations(
    _ expected: EngineHypothesis.Activation, hasCache: Bool
  ) -> [EngineHypothesis.Activation] {
    var activations = [expected, .off, .everywhere, .lastTokenOnly]
    if invocation != nil {
      activations += [-1, 1, -2, 2, 0].map { .shifted($0) }
      activations += [0, -1].map { .firstOccurrence($0) }
    }
    if hasCache { activations += [0, -1].map { .afterKept($0) } }
    return activations
  }

  /// The distinct hypotheses for a check's probes, the expected one first.
  func hypotheses(
    _ plan: ServerCheckPlan, _ answers: [CompletionAnswer], factors: [Double]
  ) -> [EngineHypothesis] {
    let activations = activations(plan.expected, hasCache: plan.probes.contains { $0.beforeScale != nil })
    var seen: Set<[ReferenceRuns.Setting]> = []
    return factors.flatMap { factor in activations.map { EngineHypothesis($0, factor: factor) } }.filter { hypothesis in
      seen.insert(zip(plan.probes, answers).map { setting(hypothesis, $0, $1) }).inserted
    }
  }

  func setting(
    _ hypothesis: EngineHypothesis, _ probe: ServerProbe, _ answer: CompletionAnswer?
  ) -> ReferenceRuns.Setting {
    let tokens = probe.request.tokens
    let isKept: Bool
    if case .afterKept = hypothesis.activation { isKept = true } else { isKept = false }
    // If the adapter isn't asked for, a hypothesis says what happens if it is applied nevertheless.
    let scale = (probe.scale == 0 ? 1 : probe.scale) * hypothesis.factor
    func start(_ tokens: [Int]) -> Int? {
      isKept && invocation == nil ? 0 : hypothesis.start(in: tokens, invocation: invocation)
    }
    var own = isKept && probe.scale == 0 ? nil : start(tokens)
    guard isKept, let beforeScale = probe.beforeScale, let before = probe.before.first?.tokens else {
      return ReferenceRuns.Setting(start: own, scale: own == nil ? 1 : scale)
    }
    let common = zip(before, tokens).prefix { $0 == $1 }.count
    let count = min(answer?.cachedTokenCount.map { max(0, $0) } ?? common, common, tokens.count - 1)
    let left = beforeScale == 0 ? nil : start(before)
    if left.map({ $0 >= count }) ?? true {
      // Only the base's were kept: as if the adapter began after them.
      own = own.map { max($0, count) }
      return ReferenceRuns.Setting(start: own, scale: own == nil ? 1 : scale)
    }
    if left == own, own != nil, beforeScale == probe.scale * hypothesis.factor {
      return ReferenceRuns.Setting(start: own, scale: scale)
    }
    return ReferenceRuns.Setting(
      start: own, scale: own == nil ? 1 : scale, kept: .init(count: count, start: left, scale: beforeScale))
  }
}
