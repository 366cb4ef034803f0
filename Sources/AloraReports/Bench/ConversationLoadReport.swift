package import AloraEngineCheck
package import AloraJSON
internal import AloraSystem

/// What `alora bench serve` has measured: servers beside each other.
package struct ConversationLoadReport {
  private let servers: [(name: String, address: String)]
  private let plan: ConversationLoad.Plan
  private let adapterCount: Int
  private let figures: [ConversationLoad.Figures]

  /// - Parameter servers: in the order of the figures' numbers.
  package init(
    servers: [(name: String, address: String)], plan: ConversationLoad.Plan, adapterCount: Int,
    figures: [ConversationLoad.Figures]
  ) {
    self.servers = servers
    self.plan = plan
    self.adapterCount = adapterCount
    self.figures = figures
  }

  /// Schema: schemas/bench-serve.schema.json.
  package var json: JSONValue {
    [
      "servers": .array(servers.map { ["name": .string($0.name), "url": .string($0.address)] }),
      "conversations": .integer(plan.conversationCount), "adapters": .integer(adapterCount),
      "generated_tokens": .integer(plan.generatedCount), "repeats": .integer(plan.repeats),
      "runs": .array(
        figures.map { run in
          [
            "server": .integer(run.server), "context_tokens": .integer(run.contextCount),
            "adapter_first_token_seconds": .number(run.adapterFirstToken),
            "base_first_token_seconds": .number(run.baseFirstToken), "tokens_per_second": .number(run.tokensPerSecond),
            "adapter_cached_tokens": run.cachedCount.map { .integer($0) } ?? .null,
          ]
        }),
    ]
  }

  /// A table for people. What the later servers have is compared with the first one's.
  package var text: String {
    func ms(_ seconds: Double) -> String {
      "\(seconds < 0.1 ? String((seconds * 10_000).rounded() / 10) : String(Int((seconds * 1000).rounded()))) ms"
    }
    func times(_ ratio: Double) -> String { ratio.isFinite ? "\((ratio * 100).rounded() / 100) ×" : "" }
    var table = ColumnTable(rightAligned: [1, 2, 3, 4, 5, 6, 7])
    table.add(["server", "context", "cached", "adapter's first token", "", "base's first token", "tokens/s", ""])
    for run in figures {
      let first = figures.first { $0.server == 0 && $0.contextCount == run.contextCount } ?? run
      let isFirst = run.server == 0
      table.add([
        servers[run.server].name, String(run.contextCount), run.cachedCount.map(String.init) ?? "?",
        ms(run.adapterFirstToken), isFirst ? "" : times(run.adapterFirstToken / first.adapterFirstToken),
        ms(run.baseFirstToken), Self.rounded(run.tokensPerSecond),
        isFirst ? "" : times(run.tokensPerSecond / first.tokensPerSecond),
      ])
    }
    return
      "\(conversations): the base, \(counted(adapterCount, "aLoRA")) in turn, the base "
      + "again; \(counted(plan.generatedCount, "token")) each\n" + table.text
  }

  private static func rounded(_ value: Double) -> String { String((value * 10).rounded() / 10) }

  private var conversations: String {
    counted(plan.conversationCount, "conversation") + (plan.conversationCount > 1 ? " at once" : "")
  }

  private static let colors = ["#1f6f3f", "#c0392b", "#1f5fbf", "#7f8c8d"]

  /// The times to the first token of an adapter's call.
  package var plot: String {
    let contexts = plan.contextCounts
    let runs = servers.indices.map { server in figures.filter { $0.server == server } }
    let last = runs.map { $0.last }
    var ratio: (value: Double, series: Int)?
    if runs.count > 1, let own = last[0], let other = last[1], own.adapterFirstToken > 0 {
      ratio = (other.adapterFirstToken / own.adapterFirstToken, 0)
    }
    return FirstTokenPlot(
      title: "time to the first token of an adapter's call, \(conversations)",
      contextCounts: contexts,
      series: servers.indices.map { server in
        let speed = last[server].map { ", \(Self.rounded($0.tokensPerSecond)) tokens/s" } ?? ""
        return .init(
          name: servers[server].name + speed, color: Self.colors[server % Self.colors.count],
          seconds: runs[server].map(\.adapterFirstToken))
      }, ratio: ratio
    ).svg
  }
}
