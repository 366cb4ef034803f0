import AloraGeneration
import AloraInference
import AloraSystem
import AloraTestSupport
import Foundation

/// A tiny model with adapters of several kinds. The first ones are Activated LoRAs with the invocation [7, 9, 7].
struct Fixture {
  let model: Model
  let adapters: [Adapter]
  let evaluators: [Evaluator]

  /// Models with recurrent layers: among others, beside attention, without attention, and with experts.
  static let recurrent = [
    "granite-hybrid", "granite-hybrid-experts", "bamba", "bamba-mamba", "lfm2", "lfm2-bias", "qwen3-next", "qwen35",
    "qwen35-heads", "falcon-h1", "nemotron-h",
  ]

  /// Adapters of other models of the same shape will do: what they were trained for does not matter here.
  init(_ name: String = "llama-output") throws {
    let pools = [1, 3].map { ThreadPool(threadCount: $0) }
    let model = try Model(path: testData("inference/\(name)/base"), pool: pools[0])
    let names = name == "llama-output" ? [name, "llama-linear", "llama-yarn", "llama-lora"] : [name]
    let own = try names.map { try Adapter(path: testData("inference/\($0)/adapter"), model: model, pool: pools[0]) }
    // Of the others, no model has the same shape.
    adapters = own + (own.count == 1 ? [0.5, -1].map { own[0].scaled(by: $0) } : [])
    evaluators = pools.map { Evaluator(model: model, pool: $0) }
    self.model = model
  }

  /// The logits of the last positions of a text, computed at once and without any cache.
  func fromScratch(_ tokens: [Int], _ adapter: Adapter?, _ start: Int?, from first: Int, declaredLength: Int? = nil)
    throws -> Logits
  {
    let sequence = TokenSequence(
      model: model, adapter: adapter, activationStart: start, declaredLength: declaredLength ?? tokens.count)
    return try evaluators[0].evaluate([Work(sequence, tokens: tokens, logits: .rows(first..<tokens.count))])[0]
  }
}

func sameBits(_ a: some Sequence<Float>, _ b: some Sequence<Float>) -> Bool {
  a.map(\.bitPattern) == b.map(\.bitPattern)
}

extension Generator {
  /// The results, and the logits that each token was chosen from.
  func generateKeepingLogits(_ requests: [GenerationRequest]) throws -> ([Generation], [[[Float]]]) {
    var kept = requests.map { _ in [[Float]]() }
    let results = try generate(requests) {
      kept[$0.request].append(Array($0.logits))
      return true
    }
    return (results, kept)
  }
}

extension Fixture {
  /// How many tokens of a text a new cache has for an adapter, after another one (or the base: nil) has computed the text.
  func reusedCount(
    of tokens: [Int], by adapter: Adapter?, start: Int?, after first: (Adapter?, Int?), snapshotPositions: Set<Int> = []
  ) throws -> Int {
    let cache = PrefixCache(model: model, byteLimit: .max)
    let sequence = TokenSequence(
      model: model, adapter: first.0, activationStart: first.1, declaredLength: tokens.count)
    sequence.snapshotPositions = snapshotPositions
    _ = try evaluators[0].evaluate([Work(sequence, tokens: tokens, logits: .none)])
    cache.insert(sequence)
    return cache.sequence(
      beginning: tokens, atMost: tokens.count, adapter: adapter, activationStart: start, declaredLength: tokens.count
    ).reusedCount
  }

  /// What reading a cache's file says if a bit of this byte is wrong.
  static func code(ofDamageAt byte: Int) -> GenerationError.Code {
    switch byte {
    case ..<8: .notACache
    case ..<16: .unsupportedVersion
    case ..<48: .foreignWeights
    default: .damaged
    }
  }
}
