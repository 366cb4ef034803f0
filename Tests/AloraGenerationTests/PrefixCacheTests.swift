import AloraInference
import AloraTestSupport
import Foundation
import Testing

@testable import AloraGeneration

/// What is shared, what is not, and what goes when there is too much.
@Suite struct PrefixCacheTests {
  private let slots = 32
  private func text(_ count: Int, seed: Int = 0) -> [Int] { (0..<count).map { ($0 * 31 + seed * 17) % 41 + 20 } }

  private func request(_ tokens: [Int], _ adapter: Adapter? = nil, start: Int? = nil, limit: Int = 0)
    -> GenerationRequest
  {
    var request = GenerationRequest(tokens: tokens, adapter: adapter, limit: limit)
    if let start { request.activationStart = start }
    return request
  }

  /// The memory of k adapters that share a context is that of one context, and each one's own end.
  @Test func adaptersShareAContextAndOwnTheirEnds() throws {
    let fixture = try Fixture()
    let cache = PrefixCache(model: fixture.model, byteLimit: .max)
    let generator = Generator(evaluator: fixture.evaluators[0], cache: cache)
    let context = text(10 * slots + 5)
    _ = try generator.generate([request(context)])
    #expect(cache.blockCount == 11)
    for (number, adapter) in fixture.adapters.prefix(3).enumerated() {
      let result = try generator.generate([request(context + [7, 9, 7], adapter, limit: 2)])[0]
      #expect(result.reusedCount == context.count)
      #expect(cache.blockCount == 11 + number + 1)
    }
    #expect(cache.byteCount == 14 * fixture.model.cacheBlockByteCount)
    let counts = cache.blockCounts
    #expect(counts.base == 11)
    #expect(counts.adapted == [0, 1, 2].reduce(into: [:]) { $0[fixture.adapters[$1].digest] = 1 })
    // An ordinary LoRA shares nothing: a whole context of its own.
    let plain = try generator.generate([request(context, fixture.adapters[3], limit: 1)])[0]
    #expect(plain.reusedCount == 0)
    #expect(cache.blockCount == 14 + 11)
    let again = try generator.generate([request(context, fixture.adapters[3], limit: 1)])[0]
    #expect(again.reusedCount == context.count - 1)
    #expect(cache.blockCount == 25)
  }

  /// Base positions inside of a block that an adapter shares are good for others; adapted ones for nobody else.
  @Test func aBlockIsReusedUpToTheFirstActivation() throws {
    let fixture = try Fixture()
    let (a, b) = (fixture.adapters[0], fixture.adapters[1])
    let tokens = text(3 * slots)
    func reused(by adapter: Adapter?, start: Int?, after first: (Adapter?, Int?)) throws -> Int {
      try fixture.reusedCount(of: tokens, by: adapter, start: start, after: first)
    }
    #expect(try reused(by: a, start: 40, after: (a, 40)) == 96)
    #expect(try reused(by: nil, start: nil, after: (a, 40)) == 40)
    #expect(try reused(by: b, start: 40, after: (a, 40)) == 40)
    #expect(try reused(by: b, start: 36, after: (a, 40)) == 36)
    #expect(try reused(by: b, start: 70, after: (a, 40)) == 40)
    #expect(try reused(by: a, start: 41, after: (a, 40)) == 40)
    #expect(try reused(by: a, start: 32, after: (a, 40)) == 32)
    #expect(try reused(by: a, start: nil, after: (a, 64)) == 64)
    #expect(try reused(by: a, start: 40, after: (nil, nil)) == 40)
    #expect(try reused(by: a, start: 0, after: (nil, nil)) == 0)
    #expect(try reused(by: nil, start: nil, after: (a, 0)) == 0)
    #expect(try reused(by: a, start: 200, after: (nil, nil)) == 96)
    // Activation "before the text" is activation from its first token on.
    #expect(try reused(by: a, start: 0, after: (a, -3)) == 96)
  }

  @Test func theBlocksLongestUnusedGoFirstFromTheEndsOfTexts() throws {
    let fixture = try Fixture()
    let cache = PrefixCache(model: fixture.model, byteLimit: 6 * fixture.model.cacheBlockByteCount)
    let generator = Generator(evaluator: fixture.evaluators[0], cache: cache)
    let (one, two) = (text(3 * slots, seed: 1), text(3 * slots, seed: 2))
    _ = try generator.generate([request(one)])
    _ = try generator.generate([request(two)])
    #expect(cache.blockCount == 6 && cache.statistics.evictedBlockCount == 0)
    _ = try generator.generate([request(one)])
    // Two blocks more: the end of the second text goes, its beginning stays.
    _ = try generator.generate([request(text(2 * slots, seed: 3))])
    #expect(cache.statistics.evictedBlockCount == 2)
    #expect(try generator.generate([request(one)])[0].reusedCount == 3 * slots - 1)
    let held = cache.sequence(beginning: two, atMost: 96, declaredLength: 96)
    #expect(held.reusedCount == slots)
  }

  @Test func whatIsInUseStaysHoweverSmallTheLimit() throws {
    let fixture = try Fixture()
    let cache = PrefixCache(model: fixture.model, byteLimit: 3 * fixture.model.cacheBlockByteCount)
    let generator = Generator(evaluator: fixture.evaluators[0], cache: cache)
    let tokens = text(3 * slots)
    _ = try generator.generate([request(tokens)])
    do {
      let held = cache.sequence(beginning: tokens, atMost: 96, declaredLength: 96)
      for seed in 1..<5 { _ = try generator.generate([request(text(64, seed: seed))]) }
      #expect(held.reusedCount == 96)
      #expect(cache.sequence(beginning: tokens, atMost: 96, declaredLength: 96).reusedCount == 96)
      #expect(cache.blockCount == 3)
    }
    for seed in 1..<5 { _ = try generator.generate([request(text(64, seed: seed))]) }
    #expect(cache.sequence(beginning: tokens, atMost: 96, declaredLength: 96).reusedCount < 96)
    #expect(cache.byteCount <= cache.byteLimit)
  }

  @Test func aCacheOfNoBytesHoldsNothing() throws {
    let fixture = try Fixture()
    let cache = PrefixCache(model: fixture.model, byteLimit: 0)
    let generator = Generator(evaluator: fixture.evaluators[0], cache: cache)
    for _ in 0..<2 { #expect(try generator.generate([request(text(70), limit: 3)])[0].reusedCount == 0) }
    #expect(cache.blockCount == 0)
  }

  /// A fork shares all full blocks; only the last, which is not full, is copied.
  @Test func forksCopyNoMoreThanTheirLastBlock() throws {
    let fixture = try Fixture()
    let cache = PrefixCache(model: fixture.model, byteLimit: .max)
    let generator = Generator(evaluator: fixture.evaluators[0], cache: cache)
    let tokens = text(2 * slots + 9)
    _ = try generator.generate([request(tokens)])
    let forks = (0..<4).map { _ in cache.sequence(beginning: tokens, atMost: tokens.count, declaredLength: 80) }
    #expect(forks.allSatisfy { $0.reusedCount == tokens.count })
    #expect(cache.statistics.copiedTokenCount == 4 * 9)
    let handles = forks.map(\.sequence.blockHandles)
    for other in handles.dropFirst() {
      #expect(zip(handles[0], other).map { $0.isSame(as: $1) } == [true, true, false])
    }
    #expect(cache.blockCount == 3)
  }

  /// Keys that were rotated with the long frequencies can't be used for a short text.
  @Test func textsOfAnotherRotaryLengthShareNothing() throws {
    let fixture = try Fixture("phi3-longrope")
    let cache = PrefixCache(model: fixture.model, byteLimit: .max)
    let generator = Generator(evaluator: fixture.evaluators[0], cache: cache)
    let tokens = text(14)
    _ = try generator.generate([request(tokens, limit: 1)])
    #expect(try generator.generate([request(tokens, limit: 2)])[0].reusedCount == 13)
    #expect(try generator.generate([request(tokens, limit: 3)])[0].reusedCount == 0)
    #expect(try generator.generate([request(tokens, limit: 9)])[0].reusedCount == 13)
  }

  /// PEFT looks for the invocation in what it is given; what it generates switches nothing.
  @Test func anInvocationThatOnlyTheContinuationProducesSwitchesNothing() throws {
    let fixture = try Fixture()
    let generator = Generator(
      evaluator: fixture.evaluators[0], cache: PrefixCache(model: fixture.model, byteLimit: .max))
    let prompt = text(20)
    let (plain, expected) = try generator.generateKeepingLogits([request(prompt, limit: 6)])
    let produced = plain[0].tokens
    try withTemporaryDirectory { directory in
      for invocation in [[prompt[19], produced[0]], Array(produced[1...2])] {
        let path = directory + "/\(invocation[0])-\(invocation[1])"
        try FileManager.default.copyItem(atPath: testData("inference/llama-output/adapter"), toPath: path)
        let file = path + "/adapter_config.json"
        var members = try #require(
          JSONSerialization.jsonObject(with: Data(readFile(file))) as? [String: Any])
        members["alora_invocation_tokens"] = invocation
        try JSONSerialization.data(withJSONObject: members).write(to: URL(fileURLWithPath: file))
        let adapter = try Adapter(path: path, model: fixture.model, pool: fixture.evaluators[0].pool)
        let (found, logits) = try generator.generateKeepingLogits([request(prompt, adapter, limit: 6)])
        #expect(found[0].tokens == produced)
        #expect(zip(logits[0], expected[0]).allSatisfy { sameBits($0, $1) })
        // The next call's prompt holds it, and there it counts.
        let next = GenerationRequest(tokens: prompt + produced, adapter: adapter, limit: 1)
        #expect(next.activationStart != nil)
        let (_, adapted) = try generator.generateKeepingLogits([next])
        let (_, base) = try generator.generateKeepingLogits([request(prompt + produced, limit: 1)])
        #expect(!sameBits(adapted[0][0], base[0][0]))
      }
    }
  }
}
