internal import AloraGeneration
internal import AloraServing
internal import Synchronization

/// What callers did with each adapter. Safe to use from any thread.
final class AdapterUse: Sendable {
  struct Counts {
    var requests = 0
    var promptTokens = 0
    var cachedTokens = 0
    var generatedTokens = 0
    /// Requests that named the adapter and didn't activate it.
    var missedActivations = 0
  }

  private let counts = Mutex<[String: Counts]>([:])

  func add(_ answer: Answer) {
    counts.withLock { counts in
      var entry = counts[answer.question.adapter?.name ?? "", default: Counts()]
      entry.requests += 1
      entry.promptTokens += answer.question.generation.tokens.count
      entry.cachedTokens += answer.served.reusedCount
      entry.generatedTokens += answer.served.tokenCount
      counts[answer.question.adapter?.name ?? ""] = entry
    }
  }

  func addMissedActivation(of name: String) {
    counts.withLock { $0[name, default: Counts()].missedActivations += 1 }
  }

  func forget(_ name: String) { counts.withLock { _ = $0.removeValue(forKey: name) } }

  var all: [(name: String, counts: Counts)] {
    counts.withLock { $0.map { (name: $0.key, counts: $0.value) } }.sorted { $0.name < $1.name }
  }
}

/// The page that Prometheus reads.
///
/// Source: Prometheus' "Exposition formats", text format 0.0.4.
enum MetricsPage {
  static let type = "text/plain; version=0.0.4; charset=utf-8"

  static func text(_ snapshot: ServingStatistics, adapters: [(name: String, counts: AdapterUse.Counts)], base: String)
    -> String
  {
    var text = ""
    func add(_ name: String, _ type: String, _ help: String, _ samples: [(labels: String, value: String)]) {
      text += "# HELP alora_\(name) \(help)\n# TYPE alora_\(name) \(type)\n"
      for sample in samples { text += "alora_\(name)\(sample.labels) \(sample.value)\n" }
    }
    func one(_ name: String, _ type: String, _ help: String, _ value: Int) {
      add(name, type, help, [("", "\(value)")])
    }
    one("requests_total", "counter", "Requests taken.", snapshot.requestCount)
    one("requests_refused_total", "counter", "Requests refused because too many waited.", snapshot.refusedCount)
    one("requests_cancelled_total", "counter", "Requests whose caller went away.", snapshot.cancelledCount)
    one("requests_expired_total", "counter", "Requests that took longer than is allowed.", snapshot.expiredCount)
    one("requests_failed_total", "counter", "Requests that could not be computed.", snapshot.failedCount)
    one("requests_active", "gauge", "Requests being computed.", snapshot.activeCount)
    one("requests_waiting", "gauge", "Requests waiting.", snapshot.waitingCount)
    one("prompt_tokens_total", "counter", "Tokens of prompts.", snapshot.promptTokenCount)
    one(
      "prompt_tokens_cached_total", "counter", "Tokens of prompts that came from the cache.", snapshot.reusedTokenCount)
    one("generated_tokens_total", "counter", "Generated tokens.", snapshot.generatedTokenCount)
    one("passes_total", "counter", "Passes of the model.", snapshot.passCount)
    one("cache_bytes", "gauge", "Memory of the prefix cache.", snapshot.cacheByteCount)
    one("cache_limit_bytes", "gauge", "The prefix cache's limit.", snapshot.cacheByteLimit)
    one("cache_blocks_evicted_total", "counter", "Blocks dropped from the prefix cache.", snapshot.evictedBlockCount)
    func perAdapter(_ name: String, _ help: String, _ value: (AdapterUse.Counts) -> Int) {
      add(
        name, "counter", help,
        adapters.map {
          (labels: "{adapter=\"\(escaped($0.name.isEmpty ? base : $0.name))\"}", value: "\(value($0.counts))")
        })
    }
    perAdapter("adapter_requests_total", "Requests answered, by adapter.") { $0.requests }
    perAdapter("adapter_prompt_tokens_total", "Tokens of prompts, by adapter.") { $0.promptTokens }
    perAdapter("adapter_cached_tokens_total", "Tokens of prompts that came from the cache, by adapter.") {
      $0.cachedTokens
    }
    perAdapter("adapter_generated_tokens_total", "Generated tokens, by adapter.") { $0.generatedTokens }
    perAdapter("adapter_not_activated_total", "Requests that named an adapter and didn't activate it.") {
      $0.missedActivations
    }
    return text
  }

  private static func escaped(_ label: String) -> String {
    label.reduce(into: "") { text, character in
      switch character {
      case "\\": text += "\\\\"
      case "\"": text += "\\\""
      case "\n": text += "\\n"
      default: text.append(character)
      }
    }
  }
}
