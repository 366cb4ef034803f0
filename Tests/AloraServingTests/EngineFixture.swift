import AloraGeneration
import AloraInference
import AloraServing
import AloraTensors
import AloraTestSupport

/// A tiny model with adapters: three Activated LoRAs with the invocation [7, 9, 7], and an ordinary LoRA.
struct EngineFixture: Sendable {
  let model: Model
  let adapters: [Adapter]

  init() throws {
    let pool = ThreadPool(threadCount: 1)
    let model = try Model(path: testData("inference/llama-output/base"), pool: pool)
    adapters = try ["llama-output", "llama-linear", "llama-yarn", "llama-lora"].map {
      try Adapter(path: testData("inference/\($0)/adapter"), model: model, pool: pool)
    }
    self.model = model
  }

  /// A model with recurrent layers, whose adapter serves with four scales.
  init(recurrent name: String) throws {
    let pool = ThreadPool(threadCount: 1)
    model = try Model(path: testData("inference/\(name)/base"), pool: pool)
    let adapter = try Adapter(path: testData("inference/\(name)/adapter"), model: model, pool: pool)
    adapters = [1, 0.5, -1, 0.25].map { adapter.scaled(by: $0) }
  }

  func engine(cacheBlocks: Int = 1000, _ limits: ServingEngine.Limits = ServingEngine.Limits()) -> ServingEngine {
    let model = model
    return ServingEngine(
      evaluator: Evaluator(model: model, pool: ThreadPool(threadCount: 2)),
      cache: PrefixCache(
        model: model, byteLimit: cacheBlocks * (model.cacheBlockByteCount + model.stateByteCount / 4)), limits: limits)
  }

  func text(_ count: Int, seed: Int = 0) -> [Int] {
    (0..<count).map { model.isRecurrent ? ($0 * 31 + seed * 17) % 11 + 10 : ($0 * 31 + seed * 17) % 41 + 20 }
  }

  /// A request by number: of several lengths, adapters and seeds.
  func request(_ number: Int, limit: Int = 12) -> GenerationRequest {
    let adapter = number % 5 == 4 ? nil : adapters[number % 5]
    let context = text(number % 7 * 40 + 1, seed: number % 3)
    var request = GenerationRequest(
      tokens: context + [7, 9, 7, number % min(60, model.vocabularySize)], adapter: adapter, limit: limit)
    if number.isMultiple(of: 2) { request.sampling = SamplingOptions(temperature: 1, topCount: 20) }
    request.seed = UInt64(number)
    return request
  }

  /// What `alora run` computes for a request: alone, and without a cache.
  func alone(_ request: GenerationRequest) throws -> (tokens: [Int], digest: Digest) {
    var hasher = Digest.Hasher()
    let generator = Generator(
      evaluator: Evaluator(model: model, pool: ThreadPool(threadCount: 1)),
      cache: PrefixCache(model: model, byteLimit: 0))
    let result = try generator.generate([request]) { step in
      hasher.add(Array(step.logits))
      return true
    }
    return (result[0].tokens, hasher.end())
  }
}

/// What an engine made of a request.
struct EngineAnswer {
  var tokens: [ServedToken] = []
  var end: Generation.End?
  var reusedCount = 0
}

extension ServingEngine {
  func answer(_ request: ServingRequest) async throws -> EngineAnswer {
    var answer = EngineAnswer()
    for try await event in try submit(request).events {
      switch event {
      case .began(let count, _): answer.reusedCount = count
      case .token(let token): answer.tokens.append(token)
      case .ended(let end): answer.end = end
      }
    }
    return answer
  }
}
