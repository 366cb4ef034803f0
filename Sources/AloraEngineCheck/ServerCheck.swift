internal import AloraSystem
package import AloraInference

/// Compares a running server with the exact engine: whether it applies an adapter, how strongly, and from which token on.
package struct ServerCheck {
  package struct Report: Sendable {
    package let engineName: String
    package let address: ServerAddress
    package let properties: ServerProperties
    package let adapter: ServerAdapter
    /// How far the server's base answers are from the reference. Units: nats.
    package let noise: Double
    package let verdicts: [ServerVerdict]
    package let requestCount: Int
    /// Whether checks that should be without a cache were.
    package let hasCacheControl: Bool

    package init(
      engineName: String, address: ServerAddress, properties: ServerProperties, adapter: ServerAdapter, noise: Double,
      verdicts: [ServerVerdict], requestCount: Int, hasCacheControl: Bool = true
    ) {
      self.engineName = engineName
      self.address = address
      self.properties = properties
      self.adapter = adapter
      self.noise = noise
      self.verdicts = verdicts
      self.requestCount = requestCount
      self.hasCacheControl = hasCacheControl
    }

    /// The adapter's scale in requests that name no adapter, if it isn't 1. That isn't a fault, but may be unintended.
    package var unusualDefaultScale: Double? { adapter.defaultScale.flatMap { $0 == 1 ? nil : $0 } }

    /// Whether every check that ran passed; one that can't be decided didn't.
    package var passed: Bool { verdicts.allSatisfy { $0.outcome == .passed || $0.outcome == .skipped } }
  }

  /// The largest noise that the same weights explain. Units: nats.
  package static let baseTolerance = 0.5
  /// The same, relative to the spread of the log-probabilities.
  package static let baseShare = 0.3

  let server: any InferenceServer
  let evaluator: Evaluator
  let adapter: Adapter
  let contexts: ServerContexts
  /// The invocations of the server's other adapters, as far as the user says; nil: an ordinary LoRA.
  let invocations: [ServerAdapter.Identifier: [Int]?]

  /// - Parameter invocations: for servers that don't report them.
  package init(
    server: any InferenceServer, evaluator: Evaluator, adapter: Adapter, contexts: ServerContexts,
    invocations: [ServerAdapter.Identifier: [Int]?] = [:]
  ) {
    self.server = server
    self.evaluator = evaluator
    self.adapter = adapter
    self.contexts = contexts
    self.invocations = invocations
  }

  /// The adapter to check: the one named, or the only one with these invocation tokens.
  ///
  /// - Throws: `noAdapter`, `ambiguousAdapter`.
  func choose(_ adapters: [ServerAdapter], identifier: ServerAdapter.Identifier?) throws(ServerError) -> ServerAdapter {
    let url = "\(server.address)"
    guard !adapters.isEmpty else { throw ServerError(.noAdapter, url: url, "the server has no adapter") }
    if let identifier {
      guard let chosen = adapters.first(where: { $0.identifier == identifier }) else {
        throw ServerError(
          .noAdapter, url: url, "the server has no adapter \(identifier)",
          remedy: "it has \(adapters.map(\.identifier.description).joined(separator: ", "))")
      }
      return chosen
    }
    let alike = adapters.filter { !$0.knowsInvocation || $0.invocationTokens == adapter.invocationTokens }
    if alike.count == 1 { return alike[0] }
    let name = adapter.path.split(separator: "/").last
    let named = alike.filter { $0.path.split(separator: "/").last == name }
    if named.count == 1 { return named[0] }
    guard !alike.isEmpty else {
      let wanted = adapter.invocationTokens.map { "has the invocation tokens \($0)" } ?? "is without invocation tokens"
      throw ServerError(.noAdapter, url: url, "none of the server's \(adapters.count) adapters \(wanted)")
    }
    throw ServerError(
      .ambiguousAdapter, url: url,
      alike.contains { !$0.knowsInvocation }
        ? "the server doesn't say which of its \(alike.count) adapters has which invocation"
        : "\(alike.count) of the server's adapters have the same invocation tokens")
  }

  /// The server's adapters, with the invocations that the user gave.
  ///
  /// - Throws: `noAdapter` for one that the server doesn't have.
  private func adapters() throws(ServerError) -> [ServerAdapter] {
    var adapters = try server.adapters()
    for (identifier, invocation) in invocations.sorted(by: { $0.key < $1.key }) {
      guard let index = adapters.firstIndex(where: { $0.identifier == identifier }) else {
        throw ServerError(
          .noAdapter, url: "\(server.address)", "the server has no adapter \(identifier)",
          remedy: "it has \(adapters.map(\.identifier.description).joined(separator: ", "))")
      }
      guard !adapters[index].knowsInvocation else { continue }
      adapters[index].invocationTokens = invocation
      adapters[index].knowsInvocation = true
    }
    return adapters
  }

  /// - Parameters:
  ///   - identifier: of the adapter at the server; nil: the one that fits.
  ///   - progress: called with the number of probes done and the total.
  /// - Throws: ``ServerError``; ``InferenceError`` if the reference can't compute a prompt.
  package func run(adapter identifier: ServerAdapter.Identifier? = nil, progress: (Int, Int) -> Void = { _, _ in })
    throws -> Report
  {
    let properties = try server.properties()
    let adapters = try adapters()
    let chosen = try choose(adapters, identifier: identifier)
    let planner = ServerPlanner(
      contexts: contexts, invocation: adapter.invocationTokens, identifier: chosen.identifier,
      adapters: adapters, capabilities: server.capabilities, canSend: server.canSend)
    let runs = ReferenceRuns(evaluator: evaluator, adapter: adapter, contextLength: properties.contextLength)
    let plans = try planner.plans(runs)
    let total = plans.reduce(0) { $0 + $1.probes.count }
    var session = ServerSession(planner: planner, runs: runs)
    var done = 0
    for var plan in plans {
      if let reason = plan.skipReason {
        guard plan.kind != .base, plan.kind != .middle else {
          throw ServerError(
            .unsupported, url: "\(server.address)", "the server takes texts, and none is read as the prompts' tokens")
        }
        session.skip(plan, reason)
        continue
      }
      var answered: [(probe: ServerProbe, answer: CompletionAnswer)] = []
      var refusals: [String] = []
      var differences: [Double] = []
      for probe in plan.probes {
        do throws(ServerError) {
          // The same prompt before another adapter leaves anything: the server's own answer is nearer than the reference.
          let fresh = plan.other == nil ? nil : try answerWithoutCache(probe, &session)
          if let answer = try ask(probe, &session) {
            answered.append((probe, answer))
            if let fresh { differences.append(fresh.difference(from: answer)) }
          }
        } catch {
          // Nothing would activate the adapter, and a server may say so; or its second endpoint isn't llama-server's.
          guard plan.kind == .none || plan.kind == .openAI, let status = error.status, (400..<500).contains(status)
          else { throw error }
          refusals.append(error.problem)
        }
        done += 1
        progress(done, total)
      }
      if answered.isEmpty, let refusal = refusals.first {
        if plan.kind == .none { session.judgeRefusal(plan) } else { session.skip(plan, .endpointRefuses(refusal)) }
      } else if answered.isEmpty {
        guard plan.kind != .base, plan.kind != .middle else {
          throw server.withoutProbabilities(plan.probes[0].request)
        }
        session.skip(plan, .noProbabilities)
      } else {
        plan.probes = answered.map(\.probe)
        try session.judge(plan, answered.map(\.answer))
        session.judge(differences)
      }
    }
    return Report(
      engineName: type(of: server).engineName, address: server.address, properties: properties, adapter: chosen,
      noise: session.noise, verdicts: session.verdicts, requestCount: session.requestCount,
      hasCacheControl: server.capabilities.contains(.cacheControl))
  }

  private func answerWithoutCache(
    _ probe: ServerProbe, _ session: inout ServerSession
  ) throws(ServerError) -> CompletionAnswer? {
    var request = probe.request
    request.reusesCache = false
    request.group = session.requestCount
    session.requestCount += 1
    return try server.answer(request)
  }

  /// The answer to a probe; nil if the server gives no probabilities and can't be made to.
  ///
  /// A server may give none if its answer ends within a character. The probe is then repeated, and the server is
  /// made to generate another token: one it generated before, or one of the prompt's.
  /// - Throws: ``ServerError``.
  private func ask(_ probe: ServerProbe, _ session: inout ServerSession) throws(ServerError) -> CompletionAnswer? {
    let others = session.wholeToken.map { [$0] } ?? Array(probe.request.tokens.prefix(4))
    let canForce = server.capabilities.contains(.forcesTokens)
    let forcedTokens: [Int?] = [nil] + (canForce ? others.map { Optional($0) } : [])
    for token in forcedTokens {
      let group = session.requestCount
      for var request in probe.before {
        request.group = group
        _ = try server.answer(request)
        session.requestCount += 1
      }
      var request = probe.request
      request.group = group
      request.forcedToken = token
      session.requestCount += 1
      guard let answer = try server.answer(request) else { continue }
      let said = token ?? answer.candidates.max { $0.logProbability < $1.logProbability }?.token
      session.wholeToken = session.wholeToken ?? said
      return answer
    }
    if canForce { throw server.withoutProbabilities(probe.request) }
    return nil
  }
}
