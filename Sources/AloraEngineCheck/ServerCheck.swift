internal import AloraSystem
public import AloraInference

/// Checks a running llama-server against the exact engine: whether it applies an adapter, how strongly, and from which
/// token on.
public struct ServerCheck {
  public struct Report: Sendable {
    public let address: ServerAddress
    public let properties: ServerProperties
    public let adapter: ServerAdapter
    /// What the server's base answers differ from the reference by. Units: nats.
    public let noise: Double
    public let verdicts: [ServerVerdict]
    public let requestCount: Int

    /// What is no fault of the server's, but may not be meant.
    public var notes: [String] {
      guard let scale = adapter.defaultScale, scale != 1 else { return [] }
      let cause = scale == 0 ? " (the server was started without applying it, or POST /lora-adapters set it)" : ""
      return ["requests that name no adapter get it times \(scale.rounded(toPlaces: 4))\(cause)"]
    }

    /// Whether every check that ran passed; one that cannot be decided has not.
    public var passed: Bool { verdicts.allSatisfy { $0.outcome == .passed || $0.outcome == .skipped } }
  }

  /// The greatest noise that is taken for that of the same weights. Units: nats.
  public static let baseTolerance = 0.5
  /// The same, as a part of the spread of the log-probabilities.
  public static let baseShare = 0.3

  let client: ServerClient
  let evaluator: Evaluator
  let adapter: Adapter
  let contexts: ServerContexts

  public init(client: ServerClient, evaluator: Evaluator, adapter: Adapter, contexts: ServerContexts) {
    self.client = client
    self.evaluator = evaluator
    self.adapter = adapter
    self.contexts = contexts
  }

  /// Which of the server's adapters is meant: the one named, or the only one with these invocation tokens.
  ///
  /// - Throws: `noAdapter`, `ambiguousAdapter`.
  func choose(_ adapters: [ServerAdapter], identifier: Int?) throws(ServerError) -> ServerAdapter {
    let url = "\(client.address)/lora-adapters"
    guard !adapters.isEmpty else { throw ServerError(.noAdapter, url: url, "the server has no adapter") }
    if let identifier {
      guard let chosen = adapters.first(where: { $0.identifier == identifier }) else {
        throw ServerError(
          .noAdapter, url: url, "the server has no adapter \(identifier)",
          remedy: "give one of \(adapters.map { "\($0.identifier)" }.joined(separator: ", "))")
      }
      return chosen
    }
    let alike = adapters.filter { $0.invocationTokens == adapter.invocationTokens }
    if alike.count == 1 { return alike[0] }
    let name = adapter.path.split(separator: "/").last
    let named = alike.filter { $0.path.split(separator: "/").last == name }
    if named.count == 1 { return named[0] }
    guard !alike.isEmpty else {
      let wanted = adapter.invocationTokens.map { "the invocation tokens \($0)" } ?? "no invocation tokens"
      throw ServerError(.noAdapter, url: url, "none of the server's \(adapters.count) adapters has \(wanted)")
    }
    throw ServerError(
      .ambiguousAdapter, url: url, "\(alike.count) of the server's adapters have the same invocation tokens")
  }

  /// - Parameters:
  ///   - identifier: the adapter's number at the server; nil: the one that fits.
  ///   - progress: called with the number of probes done and of all.
  /// - Throws: ``ServerError``; ``InferenceError`` for what the reference cannot compute.
  public func run(adapter identifier: Int? = nil, progress: (Int, Int) -> Void = { _, _ in }) throws -> Report {
    let properties = try client.properties()
    let adapters = try client.adapters()
    let chosen = try choose(adapters, identifier: identifier)
    let planner = ServerPlanner(
      contexts: contexts, invocation: adapter.invocationTokens, identifier: chosen.identifier,
      adapters: adapters)
    let runs = ReferenceRuns(evaluator: evaluator, adapter: adapter, contextLength: properties.contextLength)
    let plans = try planner.plans(runs)
    let total = plans.reduce(0) { $0 + $1.probes.count }
    var session = ServerSession(planner: planner, runs: runs)
    var done = 0
    for plan in plans {
      if let reason = plan.skipReason {
        let expected = EngineHypothesis(plan.expected)
        session.verdicts.append(ServerVerdict(plan.kind, .skipped, expected: expected, fit: nil, detail: reason))
        continue
      }
      var answers: [CompletionAnswer] = []
      for probe in plan.probes {
        answers.append(try ask(probe, &session))
        done += 1
        progress(done, total)
      }
      try session.judge(plan, answers)
    }
    return Report(
      address: client.address, properties: properties, adapter: chosen, noise: session.noise,
      verdicts: session.verdicts, requestCount: session.requestCount)
  }

  /// The answer to a probe.
  ///
  /// A server that would say a part of a character gives no probabilities. It is then asked all of the probe once more,
  /// and made to say another token: one it has said before, or one of the prompt's.
  /// - Throws: ``ServerError``.
  private func ask(_ probe: ServerProbe, _ session: inout ServerSession) throws(ServerError) -> CompletionAnswer {
    let others = session.wholeToken.map { [$0] } ?? Array(probe.request.tokens.prefix(4))
    let forcedTokens: [Int?] = [nil] + others.map { Optional($0) }
    for token in forcedTokens {
      for request in probe.before {
        _ = try client.answer(request)
        session.requestCount += 1
      }
      var request = probe.request
      request.forcedToken = token
      session.requestCount += 1
      guard let answer = try client.answer(request) else { continue }
      let said = token ?? answer.candidates.max { $0.logProbability < $1.logProbability }?.token
      session.wholeToken = session.wholeToken ?? said
      return answer
    }
    throw client.withoutProbabilities(probe.request)
  }
}
