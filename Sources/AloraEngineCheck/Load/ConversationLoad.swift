internal import AloraSystem
internal import NIOCore
internal import NIOPosix

/// Conversations at the same time. Each asks the base and every Activated LoRA in turn.
///
/// A conversation begins with a context of its own that the base continues. Each adapter is then called on that text, and at
/// last the base goes on. Several servers of the same model and adapters can be measured in one run, by turns.
package struct ConversationLoad: Sendable {
  package struct Plan: Sendable {
    /// Units: tokens.
    package var contextCounts: [Int]
    package var conversationCount: Int
    /// How many tokens each answer has.
    package var generatedCount: Int
    /// How often each server is measured; the medians count.
    package var repeats: Int

    package init(contextCounts: [Int], conversationCount: Int, generatedCount: Int, repeats: Int) {
      self.contextCounts = contextCounts
      self.conversationCount = conversationCount
      self.generatedCount = generatedCount
      self.repeats = repeats
    }
  }

  /// What one server did in one context.
  ///
  /// Units: seconds.
  package struct Figures: Hashable, Sendable {
    package let server: Int
    package let contextCount: Int
    /// To the first token of a call of an adapter, after a context that the base has computed: the median.
    package let adapterFirstToken: Double
    /// To the first token of the base's first turn, which has to compute the context.
    package let baseFirstToken: Double
    /// Generated tokens of all conversations in a second.
    package let tokensPerSecond: Double
    /// How many tokens of an adapter's call came from the cache, as the server says: the median.
    package let cachedCount: Int?
  }

  let servers: [LlamaServer]
  /// The adapters' numbers at each server, in the order of the first server's.
  private let adapters: [[Int]]
  /// Their invocations.
  package let invocations: [[Int]]

  /// - Throws: as ``init(_:)``.
  package init(_ servers: [MeasuredServer]) throws(ServerError) { try self.init(servers.map(\.client)) }

  /// - Throws: ``ServerError``: `noAdapter`; `notComparable` for different adapters.
  package init(_ servers: [LlamaServer]) throws(ServerError) {
    precondition(!servers.isEmpty)
    self.servers = servers
    var lists: [[(number: Int, invocation: [Int])]] = []
    for server in servers {
      lists.append(
        try server.adapters().compactMap { adapter in
          guard case .number(let number) = adapter.identifier, let invocation = adapter.invocationTokens else {
            return nil
          }
          return (number, invocation)
        })
    }
    invocations = lists[0].map(\.invocation)
    guard !invocations.isEmpty else {
      throw ServerError(.noAdapter, url: servers[0].address.description, "the server has no Activated LoRA")
    }
    var adapters: [[Int]] = []
    for (list, server) in zip(lists, servers) {
      var rest = list
      var numbers: [Int] = []
      for invocation in invocations {
        guard let index = rest.firstIndex(where: { $0.invocation == invocation }) else {
          throw ServerError(
            .notComparable, url: server.address.description,
            "the server lacks an adapter that the first server has, with the invocation \(invocation)")
        }
        numbers.append(rest.remove(at: index).number)
      }
      adapters.append(numbers)
    }
    self.adapters = adapters
  }

  /// - Parameter progress: called with the number of runs done, and of all.
  /// - Throws: ``ServerError``.
  package func figures(_ plan: Plan, progress: (Int, Int) -> Void = { _, _ in }) throws -> [Figures] {
    var results: [Figures] = []
    let count = plan.contextCounts.count * plan.repeats * servers.count
    var done = 0
    for contextCount in plan.contextCounts {
      var runs = servers.map { _ in [Figures]() }
      for turn in 0..<plan.repeats {
        let contexts = try contexts(plan, contextCount, turn: turn)
        for server in servers.indices {
          runs[server].append(try run(server, plan, contexts))
          done += 1
          progress(done, count)
        }
      }
      results += runs.map { Figures(medianOf: $0) }
    }
    return results
  }

  /// A text of each conversation's own, so that none finds another's in the cache, nor an earlier turn's.
  private func contexts(_ plan: Plan, _ tokenCount: Int, turn: Int) throws -> [[Int]] {
    try (0..<plan.conversationCount).map { number in
      let text = SampleText.text(number: turn * plan.conversationCount + number, sentenceCount: tokenCount / 8 + 8)
      let tokens = try servers[0].tokens(of: text)
      for server in servers.dropFirst() where try server.tokens(of: text) != tokens {
        throw ServerError(
          .notComparable, url: server.address.description,
          "the server splits a text into other tokens than the first one")
      }
      return Array(tokens.prefix(tokenCount))
    }
  }

  private func run(_ server: Int, _ plan: Plan, _ contexts: [[Int]]) throws -> Figures {
    let pool = NIOThreadPool(numberOfThreads: contexts.count)
    pool.start()
    defer { try? pool.syncShutdownGracefully() }
    let loop = MultiThreadedEventLoopGroup.singleton.any()
    let start = MonotonicClock.seconds
    let futures = contexts.map { context in
      pool.runIfActive(eventLoop: loop) { try conversation(server, context, limit: plan.generatedCount) }
    }
    let conversations = try EventLoopFuture.whenAllSucceed(futures, on: loop).wait()
    let seconds = MonotonicClock.seconds - start
    let calls = conversations.flatMap(\.calls)
    return Figures(
      server: server, contextCount: contexts[0].count,
      adapterFirstToken: median(calls.map(\.secondsToFirstToken)),
      baseFirstToken: median(conversations.map(\.first.secondsToFirstToken)),
      tokensPerSecond: Double(conversations.reduce(0) { $0 + $1.tokenCount }) / seconds,
      cachedCount: calls.allSatisfy { $0.cachedTokenCount != nil } ? median(calls.compactMap(\.cachedTokenCount)) : nil)
  }

  private struct Conversation: Sendable {
    let first: StreamedAnswer
    let calls: [StreamedAnswer]
    let last: StreamedAnswer

    var tokenCount: Int { ([first] + calls + [last]).reduce(0) { $0 + $1.tokens.count } }
  }

  private func conversation(_ server: Int, _ context: [Int], limit: Int) throws(ServerError) -> Conversation {
    let (client, numbers) = (servers[server], adapters[server])
    func answer(_ prompt: [Int], adapter: Int?) throws(ServerError) -> StreamedAnswer {
      var scales: [Int: Double] = [:]
      for (index, number) in numbers.enumerated() { scales[number] = index == adapter ? 1 : 0 }
      return try client.generate(prompt, scales: scales, limit: limit)
    }
    let first = try answer(context, adapter: nil)
    let text = context + first.tokens
    var calls: [StreamedAnswer] = []
    for index in numbers.indices { calls.append(try answer(text + invocations[index], adapter: index)) }
    return Conversation(first: first, calls: calls, last: try answer(text + context.prefix(16), adapter: nil))
  }
}

extension ConversationLoad.Figures {
  fileprivate init(medianOf runs: [Self]) {
    self.init(
      server: runs[0].server, contextCount: runs[0].contextCount,
      adapterFirstToken: median(runs.map(\.adapterFirstToken)),
      baseFirstToken: median(runs.map(\.baseFirstToken)), tokensPerSecond: median(runs.map(\.tokensPerSecond)),
      cachedCount: runs.allSatisfy { $0.cachedCount != nil } ? median(runs.compactMap(\.cachedCount)) : nil)
  }
}

/// The upper one of the two values in the middle of an even number.
private func median<Value: Comparable>(_ values: [Value]) -> Value { values.sorted()[values.count / 2] }

/// Sentences for a context. What they say doesn't matter; real text has the tokens that models expect.
enum SampleText {
  private static let (names, things, places) = (
    ["Anna", "Bruno", "Clara", "David", "Elena", "Felix", "Greta"],
    ["a letter", "the old map", "two lamps", "a wooden boat", "the harbour book"],
    ["on the island", "in the harbour", "near the lighthouse", "at the market", "in the north", "by the river"]
  )

  /// - Parameter number: each gives another text.
  static func text(number: Int, sentenceCount: Int) -> String {
    var text = "Report \(number)."
    var numbers = FixedSequence(seed: UInt64(number) &* 2_862_933_555_777_941_757 &+ 3_037_000_493)
    func next(_ count: Int) -> Int { numbers.next(below: count) }
    for _ in 0..<sentenceCount {
      text +=
        " \(names[next(names.count)]) found \(things[next(things.count)]) \(places[next(places.count)]) in \(1800 + next(200))."
    }
    return text
  }
}
