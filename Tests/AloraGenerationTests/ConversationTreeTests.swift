import AloraAdapters
import AloraGeneration
import AloraInference
import AloraTestSupport
import Testing

/// Random trees of conversations with adapters, forks, batches and evictions: the bits of a new computation, always.
@Suite(.serialized) struct ConversationTreeTests {
  static let seedCount = 40

  @Test(arguments: 0..<Self.seedCount) func anyMixEqualsFromScratchBitForBit(_ seed: Int) throws {
    let fixture = try Fixture()
    var tree = Tree(seed: UInt64(seed), fixture: fixture)
    for step in 0..<25 {
      let failure = try tree.step()
      #expect(failure == nil, "seed \(seed), step \(step)")
    }
    #expect(try tree.failureOfHeld() == nil, "seed \(seed)")
  }

  @Test(arguments: Fixture.recurrent, 0..<20) func anyMixWithStatesEqualsFromScratch(_ name: String, _ seed: Int) throws
  {
    var tree = Tree(seed: UInt64(seed), fixture: try Fixture(name))
    for step in 0..<20 {
      let failure = try tree.step()
      #expect(failure == nil, "\(name), seed \(seed), step \(step)")
    }
    #expect(try tree.failureOfHeld() == nil, "\(name), seed \(seed)")
  }

  /// The comparison would see an adapted state taken for the base's.
  @Test(arguments: Fixture.recurrent) func aForeignStateWouldBeNoticed(_ name: String) throws {
    let fixture = try Fixture(name)
    let tokens = (0..<40).map { $0 % 13 + 3 }
    let adapted = TokenSequence(
      model: fixture.model, adapter: fixture.adapters[0], activationStart: 12, declaredLength: 40)
    let evaluator = fixture.evaluators[0]
    _ = try evaluator.evaluate([Work(adapted, tokens: Array(tokens[..<39]), logits: .none)])
    let wrong = TokenSequence(keeping: 39, of: adapted)
    let found = try evaluator.evaluate([Work(wrong, tokens: [tokens[39]], logits: .all)])[0]
    let right = try fixture.fromScratch(tokens, nil, nil, from: 39)
    #expect(!sameBits(right.values, found.values))
  }

  /// Were adapted blocks taken for base ones, the comparison would see it.
  @Test func aForeignBlockWouldBeNoticed() throws {
    let fixture = try Fixture()
    let tokens = (0..<40).map { $0 % 50 + 10 }
    let right = try fixture.fromScratch(tokens, nil, nil, from: 39)
    let wrong = try fixture.fromScratch(tokens, fixture.adapters[0], 30, from: 39)
    #expect(!sameBits(right.values, wrong.values))
  }
}

private struct Tree {
  private struct Text {
    var tokens: [Int]
    var adapter: Adapter?
    var start: Int?
  }

  private let fixture: Fixture
  private let cache: PrefixCache
  private var random: SeededRandom
  private var texts: [Text] = [Text(tokens: [1])]
  private var held: [(held: CachedSequence, text: Text)] = []

  init(seed: UInt64, fixture: Fixture) {
    self.fixture = fixture
    random = SeededRandom(seed: seed)
    let blocks = [0, 2, 5, 12, 1000][Int.random(in: 0..<5, using: &random)]
    guard fixture.model.isRecurrent else {
      cache = PrefixCache(model: fixture.model, byteLimit: blocks * fixture.model.cacheBlockByteCount)
      return
    }
    let states = [0, 1, 3, 9, 1000][Int.random(in: 0..<5, using: &random)]
    cache = PrefixCache(
      model: fixture.model,
      byteLimit: blocks * fixture.model.cacheBlockByteCount + states * fixture.model.stateByteCount,
      snapshotInterval: [3, 16, 50][Int.random(in: 0..<3, using: &random)])
  }

  /// The beginning of an earlier text, continued with new tokens, for the base or an adapter.
  private mutating func newText() -> Text {
    let old = texts[Int.random(in: 0..<texts.count, using: &random)]
    var tokens = Array(old.tokens.prefix(Int.random(in: 1...old.tokens.count, using: &random)))
    if Bool.random(using: &random) { tokens = old.tokens }
    for _ in 0..<Int.random(in: 0...30, using: &random) {
      // Only two different tokens, so that texts often agree.
      tokens.append(Int.random(in: 10..<12, using: &random))
    }
    if Int.random(in: 0..<2, using: &random) == 0 { tokens += [7, 9, 7] }
    tokens = Array(tokens.prefix(200))
    let choice = Int.random(in: -2..<fixture.adapters.count, using: &random)
    guard choice >= 0 else { return Text(tokens: tokens) }
    let adapter = fixture.adapters[choice]
    var start = ActivationRule.peft.start(in: tokens, invocation: adapter.invocationTokens)
    if Int.random(in: 0..<4, using: &random) == 0 { start = Int.random(in: 0...(tokens.count + 2), using: &random) }
    return Text(tokens: tokens, adapter: adapter, start: start)
  }

  /// One call; the first difference, described, or nil.
  mutating func step() throws -> String? {
    if !held.isEmpty, Int.random(in: 0..<4, using: &random) == 0 { held.removeFirst() }
    if Int.random(in: 0..<3, using: &random) == 0 { hold() }
    let batch = (0..<Int.random(in: 1...4, using: &random)).map { _ in newText() }
    let requests = batch.map { text in
      var request = GenerationRequest(
        tokens: text.tokens, adapter: text.adapter, limit: Int.random(in: 0...12, using: &random))
      request.activationStart = text.start
      request.seed = random.next()
      if Bool.random(using: &random) { request.sampling = SamplingOptions(temperature: 1.5, topCount: 20) }
      request.endTokens = [3, 4]
      return request
    }
    let evaluator = fixture.evaluators[Int.random(in: 0..<fixture.evaluators.count, using: &random)]
    let (results, logits) = try Generator(evaluator: evaluator, cache: cache).generateKeepingLogits(requests)
    for (index, text) in batch.enumerated() {
      let all = text.tokens + results[index].tokens
      let used = Array(all.dropLast())
      if !results[index].tokens.isEmpty {
        let expected = try fixture.fromScratch(used, text.adapter, text.start, from: text.tokens.count - 1)
        guard logits[index].count == expected.positions.count else { return "number of tokens of \(index)" }
        for (position, found) in zip(expected.positions, logits[index]) where !sameBits(expected[position], found) {
          return "logits of text \(index) at \(position)"
        }
        var sampler = Sampler(requests[index].sampling, seed: requests[index].seed)
        let chosen = expected.positions.map { sampler.sample(expected[$0]).token }
        if chosen != results[index].tokens { return "tokens of text \(index)" }
      }
      texts.append(Text(tokens: all))
    }
    if held.isEmpty, cache.byteCount > cache.byteLimit { return "\(cache.byteCount) bytes in the cache" }
    return nil
  }

  private mutating func hold() {
    let text = newText()
    let sequence = cache.sequence(
      beginning: text.tokens, atMost: text.tokens.count - 1, adapter: text.adapter, activationStart: text.start,
      declaredLength: 200)
    held.append((sequence, text))
  }

  /// Sequences that were begun long ago, and whose cache has changed since.
  func failureOfHeld() throws -> String? {
    for (sequence, text) in held {
      let rest = Array(text.tokens[sequence.reusedCount...])
      let found = try fixture.evaluators[0].evaluate([Work(sequence.sequence, tokens: rest, logits: .all)])[0]
      let expected = try fixture.fromScratch(text.tokens, text.adapter, text.start, from: sequence.reusedCount)
      if !sameBits(found.values, expected.values) { return "a sequence that was held" }
    }
    return nil
  }
}
