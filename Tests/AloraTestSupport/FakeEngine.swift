package import AloraInference
import AloraAdapters
import AloraJSON
import Foundation

/// A server that answers like llama-server, with the exact engine's numbers and, if wanted, a fault.
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
  }

  private let evaluator: Evaluator
  private let adapter: Adapter
  private let fault: Fault
  /// How far a log-probability may be off, by chance.
  private let noise: Double
  private let adapterCount: Int
  private let defaultScale: Double
  /// Has the number 1, and is invoked by these tokens whatever its file says.
  private let other: (adapter: Adapter, invocation: [Int])?
  private let lock = NSLock()
  private var slot: TokenSequence?
  private var isSlotOfOther = false
  private var cutToken: Int?
  private var random = SeededRandom(seed: 11)
  package private(set) var bodies: [String] = []

  package init(
    model: Model, adapter: Adapter, fault: Fault = .none, noise: Double = 0, adapterCount: Int = 1,
    defaultScale: Double = 0, other: (adapter: Adapter, invocation: [Int])? = nil
  ) {
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
        } catch {
          return .init(status: "500 Internal Server Error", json: #"{"error": {"message": "\#(error)"}}"#)
        }
      }
    }
  }

  private func answer(_ request: FakeServer.Request) throws -> FakeServer.Reply {
    switch request.path {
    case "/props": return .init(json: #"{"build_info": "fake", "total_slots": 1}"#)
    case "/lora-adapters":
      let list = (0..<adapterCount).map { identifier -> String in
        let invocation: [Int]? =
          switch identifier {
          case 0: adapter.invocationTokens
          case 1: other?.invocation
          default: nil
          }
        let tokens = invocation.map { #", "alora_invocation_tokens": \#($0)"# } ?? ""
        let scale = identifier == 0 ? defaultScale : 0
        return #"{"id": \#(identifier), "path": "a\#(identifier).gguf", "scale": \#(scale)\#(tokens)}"#
      }
      return .init(json: "[\(list.joined(separator: ","))]")
    case "/completion", "/v1/completions":
      bodies.append(String(decoding: request.body, as: UTF8.self))
      return .init(json: try complete(request.body, isNative: request.path == "/completion"))
    default: return .init(status: "404 Not Found", json: #"{"error": {"message": "no such place"}}"#)
    }
  }

  private func complete(_ body: [UInt8], isNative: Bool) throws -> String {
    let root = try parseJSON(String(decoding: body, as: UTF8.self))
    let tokens = try root["prompt"].elements().map { try $0.integer() }
    let count = try root[isNative ? "n_probs" : "logprobs"].integer()
    var scales = [0: fault == .defaultIgnored ? 0 : defaultScale]
    if let list = try root[optional: "lora"] {
      scales = [:]
      for item in try list.elements() { scales[try item["id"].integer()] = try item["scale"].number() }
    }
    var scale = scales[0] ?? 0
    if fault == .requestScaleIgnored, scale != 0 { scale = 1 }
    if fault == .halfScale { scale /= 2 }
    var start = scale == 0 ? nil : start(tokens)
    if fault == .openAIOff, !isNative { start = nil }
    var scaled = start == nil ? nil : adapter.scaled(by: Float(scale))
    var isOfOther = false
    if let other, let otherScale = scales[1], otherScale != 0,
      let otherStart = ActivationRule.peft.start(in: tokens, invocation: other.invocation)
    {
      start = otherStart
      scaled = other.adapter.scaled(by: Float(otherScale))
      isOfOther = true
    }
    var kept = 0
    let sequence: TokenSequence
    if fault == .keepsCache || (fault == .keepsOthers && isSlotOfOther), let slot,
      try root["cache_prompt"].boolean()
    {
      kept = min(zip(slot.tokens, tokens).prefix { $0 == $1 }.count, tokens.count - 1)
      if fault == .keepsOthers, let start { kept = min(kept, start) }
      sequence = TokenSequence(keeping: kept, of: slot, adapter: scaled, activationStart: start)
    } else {
      sequence = TokenSequence(
        model: evaluator.model, adapter: scaled, activationStart: start, declaredLength: tokens.count)
    }
    let row = try evaluator.evaluate([Work(sequence, tokens: Array(tokens[kept...]), logits: .last)])[0].values
    slot = sequence
    isSlotOfOther = isOfOther
    let greatest = Double(row.max() ?? 0)
    let normalizer = greatest + log(row.reduce(0.0) { $0 + exp(Double($1) - greatest) })
    let order = row.indices.sorted { row[$0] > row[$1] }.prefix(count)
    let list = order.map { token in
      let error = noise * (Double(random.next() % 2001) / 1000 - 1)
      return #"{"id": \#(token), "token": "?", "logprob": \#(min(0, Double(row[token]) - normalizer + error))}"#
    }
    let said = try root[optional: "logit_bias"]?.elements().first?.elements().first?.integer() ?? order[0]
    if fault == .cutsText, cutToken == nil { cutToken = said }
    let isSilent = fault == .saysNothing || said == cutToken
    let content = #"[{"id": \#(said), "top_logprobs": [\#(list.joined(separator: ","))]}]"#
    if isNative {
      let probabilities = isSilent ? "" : #""completion_probabilities": \#(content), "#
      return #"{\#(probabilities)"tokens_evaluated": \#(tokens.count), "timings": {"cache_n": \#(kept)}}"#
    }
    let probabilities = isSilent ? "null" : #"{"content": \#(content)}"#
    return #"{"choices": [{"logprobs": \#(probabilities)}], "usage": {"prompt_tokens": \#(tokens.count)}}"#
  }

  private func start(_ tokens: [Int]) -> Int? {
    guard let invocation = adapter.invocationTokens else { return 0 }
    let start = ActivationRule.peft.start(in: tokens, invocation: invocation)
    switch fault {
    case .none, .halfScale, .requestScaleIgnored, .keepsCache, .openAIOff, .cutsText, .saysNothing, .defaultIgnored,
      .keepsOthers:
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
