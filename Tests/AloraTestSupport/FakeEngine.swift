package import AloraInference
import AloraAdapters
import AloraJSON
import Foundation

/// A server that answers in one of four dialects, with the exact engine's numbers and, if wanted, a fault.
package final class FakeEngine: @unchecked Sendable {
  package enum Fault: String, CaseIterable, Sendable {
    case none, early, late, missed, halfScale, off, everywhere, requestScaleIgnored, keepsCache, openAIOff
    /// The first token isn't a whole character, so it comes without probabilities.
    case cutsText
    /// No probabilities are given at all.
    case saysNothing
    /// Requests that name no adapter get none, whatever the default scale.
    case defaultIgnored
    /// Between two adapters, the cache is kept up to the activation.
    case keepsOthers
    /// A prompt that doesn't invoke the adapter asked for is refused. That isn't a fault.
    case refusesPlain
    /// The second endpoint refuses every request. That isn't a fault.
    case refusesOpenAI
  }

  package enum Dialect: String, CaseIterable, Sendable {
    case llamaServer
    /// As vLLM: token ids, and tokens named by their id.
    case vLLM
    /// As llama-cpp-python: texts, and a model for each adapter.
    case texts
    case ollama
  }

  /// The text of a token, the same for every model: a character for each.
  package static func text(of token: Int) -> String { String(UnicodeScalar(UInt32(0x4E00 + token)) ?? "?") }

  package static func tokens(of text: String) -> [Int] { text.unicodeScalars.map { Int($0.value) - 0x4E00 } }

  let dialect: Dialect
  private let evaluator: Evaluator
  let adapter: Adapter
  let fault: Fault
  /// How far a log-probability may be off, by chance.
  private let noise: Double
  let adapterCount: Int
  let defaultScale: Double
  /// Has the number 1, and is invoked by these tokens whatever its file says.
  let other: (adapter: Adapter, invocation: [Int])?
  private let lock = NSLock()
  private var slot: TokenSequence?
  private var slotGroup = ""
  private var isSlotOfOther = false
  var cutToken: Int?
  private var random = SeededRandom(seed: 11)
  package private(set) var bodies: [String] = []

  package init(
    _ dialect: Dialect = .llamaServer, model: Model, adapter: Adapter, fault: Fault = .none, noise: Double = 0,
    adapterCount: Int = 1,
    defaultScale: Double = 0, other: (adapter: Adapter, invocation: [Int])? = nil
  ) {
    self.dialect = dialect
    evaluator = Evaluator(model: model, pool: ThreadPool(threadCount: 1))
    self.adapter = adapter
    self.fault = fault
    self.noise = noise
    self.adapterCount = max(adapterCount, other == nil ? 1 : 2)
    self.defaultScale = defaultScale
    self.other = other
  }

  package func serve() throws -> FakeServer {
    try FakeServer { [self] request in
      lock.withLock {
        do {
          return try answer(request)
        } catch is RefusedPrompt {
          return .init(status: "400 Bad Request", json: #"{"error": {"message": "nothing invokes the adapter"}}"#)
        } catch {
          return .init(status: "500 Internal Server Error", json: #"{"error": {"message": "\#(error)"}}"#)
        }
      }
    }
  }

  private func answer(_ request: FakeServer.Request) throws -> FakeServer.Reply {
    if request.method == "POST" { bodies.append(String(decoding: request.body, as: UTF8.self)) }
    let reply =
      switch dialect {
      case .llamaServer: try llamaServerReply(request)
      case .vLLM, .texts: try openAIReply(request)
      case .ollama: try ollamaReply(request)
      }
    return reply ?? .init(status: "404 Not Found", json: #"{"error": {"message": "no such place"}}"#)
  }

  /// What a request of any dialect asks for.
  struct Question {
    var tokens: [Int]
    var count: Int
    /// By the adapter's number.
    var scales: [Int: Double]
    /// Requests of one group may share a cache; nil: none is used.
    var group: String? = ""
    var isNative = true
    var forced: Int?
  }

  private struct RefusedPrompt: Error {}

  struct Reply {
    /// From the likeliest on, with their log-probabilities.
    let candidates: [(token: Int, value: Double)]
    let said: Int
    let keptCount: Int
    let isSilent: Bool
  }

  func reply(to question: Question) throws -> Reply {
    let tokens = question.tokens
    var scale = question.scales[0] ?? 0
    if fault == .requestScaleIgnored, scale != 0 { scale = 1 }
    if fault == .halfScale { scale /= 2 }
    var start = scale == 0 ? nil : start(tokens)
    if fault == .refusesOpenAI, !question.isNative { throw RefusedPrompt() }
    if fault == .refusesPlain, scale != 0, start == nil { throw RefusedPrompt() }
    if fault == .openAIOff, !question.isNative { start = nil }
    var scaled = start == nil ? nil : adapter.scaled(by: Float(scale))
    var isOfOther = false
    if let other, let otherScale = question.scales[1], otherScale != 0,
      let otherStart = ActivationRule.peft.start(in: tokens, invocation: other.invocation)
    {
      start = otherStart
      scaled = other.adapter.scaled(by: Float(otherScale))
      isOfOther = true
    }
    var kept = 0
    let sequence: TokenSequence
    if fault == .keepsCache || (fault == .keepsOthers && isSlotOfOther), let slot, question.group == slotGroup {
      kept = min(zip(slot.tokens, tokens).prefix { $0 == $1 }.count, tokens.count - 1)
      if fault == .keepsOthers, let start { kept = min(kept, start) }
      sequence = TokenSequence(keeping: kept, of: slot, adapter: scaled, activationStart: start)
    } else {
      sequence = TokenSequence(
        model: evaluator.model, adapter: scaled, activationStart: start, declaredLength: tokens.count)
    }
    let row = try evaluator.evaluate([Work(sequence, tokens: Array(tokens[kept...]), logits: .last)])[0].values
    slot = sequence
    // llama-server's flag is about this request alone: the next one may reuse what it leaves.
    slotGroup = dialect == .llamaServer ? "" : question.group ?? ""
    isSlotOfOther = isOfOther
    let greatest = Double(row.max() ?? 0)
    let normalizer = greatest + log(row.reduce(0.0) { $0 + exp(Double($1) - greatest) })
    let order = row.indices.sorted { row[$0] > row[$1] }.prefix(question.count)
    let candidates = order.map { token in
      let error = noise * (Double(random.next() % 2001) / 1000 - 1)
      return (token: token, value: min(0, Double(row[token]) - normalizer + error))
    }
    let said = question.forced ?? order[0]
    if fault == .cutsText, cutToken == nil { cutToken = said }
    return Reply(
      candidates: candidates, said: said, keptCount: kept, isSilent: fault == .saysNothing || said == cutToken)
  }

  private func start(_ tokens: [Int]) -> Int? {
    guard let invocation = adapter.invocationTokens else { return 0 }
    let start = ActivationRule.peft.start(in: tokens, invocation: invocation)
    switch fault {
    case .none, .halfScale, .requestScaleIgnored, .keepsCache, .openAIOff, .cutsText, .saysNothing, .defaultIgnored,
      .keepsOthers, .refusesPlain, .refusesOpenAI:
      return start
    case .early: return start.map { max(0, $0 - 1) }
    case .late: return start.map { $0 + 1 }
    case .off: return nil
    case .everywhere: return 0
    case .missed: return Self.backwardMatch(invocation, tokens)
    }
  }

  /// A search from the end that does not look again at the token where a match broke off.
  private static func backwardMatch(_ invocation: [Int], _ tokens: [Int]) -> Int? {
    var wanted = invocation.count - 1
    for index in tokens.indices.reversed() {
      if tokens[index] != invocation[wanted] {
        wanted = invocation.count - 1
      } else if wanted == 0 {
        return index
      } else {
        wanted -= 1
      }
    }
    return nil
  }
}
