import AloraInference
import AloraModels
import AloraSystem
import AloraTensors
import AloraTestSupport
import Testing

@testable import AloraGeneration

/// Snapshots of recurrent states in the cache: who may continue from them, which stay, and how they are saved.
@Suite struct SnapshotTests {
  private func text(_ count: Int, seed: Int = 0) -> [Int] { (0..<count).map { ($0 * 31 + seed * 17) % 11 + 10 } }

  private func request(_ tokens: [Int], _ adapter: Adapter? = nil, start: Int? = nil, limit: Int = 0)
    -> GenerationRequest
  {
    var request = GenerationRequest(tokens: tokens, adapter: adapter, limit: limit)
    if let start { request.activationStart = start }
    return request
  }

  @Test(arguments: Fixture.recurrent) func anActivatedCallContinuesFromTheBasesPrompt(_ name: String) throws {
    let fixture = try Fixture(name)
    let cache = PrefixCache(model: fixture.model, byteLimit: .max)
    let generator = Generator(evaluator: fixture.evaluators[0], cache: cache)
    let context = text(77)
    _ = try generator.generate([request(context)])
    #expect(cache.snapshotCount == 1)
    for adapter in fixture.adapters {
      let call = request(context + [7, 9, 7], adapter, start: 77, limit: 3)
      let (results, logits) = try generator.generateKeepingLogits([call])
      #expect(results[0].reusedCount == 77)
      let expected = try fixture.fromScratch(call.tokens, adapter, 77, from: 79)
      #expect(sameBits(logits[0][0], expected.values))
    }
    // Each call keeps the state after its prompt, and after what it generated.
    #expect(cache.snapshotCount == 1 + 2 * fixture.adapters.count)
    #expect(
      cache.byteCount
        == cache.blockCount * fixture.model.cacheBlockByteCount + cache.snapshotCount * fixture.model.stateByteCount)
  }

  /// The states at the activation start are the base's, for every other text; those after it only that adapter's.
  @Test func aTextIsReusedUpToTheLastSnapshotOfItsWeights() throws {
    let fixture = try Fixture("granite-hybrid")
    let (a, b) = (fixture.adapters[0], fixture.adapters[1])
    let tokens = text(96)
    func reused(by adapter: Adapter?, start: Int?, after first: (Adapter?, Int?)) throws -> Int {
      try fixture.reusedCount(of: tokens, by: adapter, start: start, after: first, snapshotPositions: [20, 64])
    }
    #expect(try reused(by: a, start: 40, after: (a, 40)) == 96)
    #expect(try reused(by: nil, start: nil, after: (a, 40)) == 40)
    #expect(try reused(by: b, start: 40, after: (a, 40)) == 40)
    #expect(try reused(by: b, start: 39, after: (a, 40)) == 20)
    #expect(try reused(by: b, start: 90, after: (a, 40)) == 40)
    #expect(try reused(by: a, start: 41, after: (a, 40)) == 40)
    #expect(try reused(by: a, start: nil, after: (a, 64)) == 64)
    #expect(try reused(by: a, start: 70, after: (nil, nil)) == 64)
    #expect(try reused(by: a, start: 64, after: (nil, nil)) == 64)
    #expect(try reused(by: a, start: 63, after: (nil, nil)) == 20)
    #expect(try reused(by: a, start: 19, after: (nil, nil)) == 0)
    #expect(try reused(by: nil, start: nil, after: (a, 0)) == 0)
  }

  @Test func aLongTextKeepsFewSnapshotsAndTheLimitDecidesHowMany() throws {
    let fixture = try Fixture("bamba")
    func kept(states: Int) throws -> [Int] {
      let cache = PrefixCache(
        model: fixture.model, byteLimit: states * fixture.model.stateByteCount, snapshotInterval: 4)
      let held = cache.sequence(beginning: text(300), atMost: 0, declaredLength: 300)
      for part in [1, 130, 3, 166] {
        let first = held.sequence.tokens.count
        _ = try fixture.evaluators[0].evaluate([
          Work(held.sequence, tokens: Array(text(300)[first..<(first + part)]), logits: .none)
        ])
      }
      return held.sequence.allSnapshots.map(\.position)
    }
    #expect(try kept(states: 400) == [64, 128, 192, 256, 300])
    #expect(try kept(states: 12) == [128, 256, 300])
    #expect(try kept(states: 3) == [300])
  }

  /// The oldest snapshots go first, and with them blocks that nothing can be continued from.
  @Test func theLimitCountsSnapshots() throws {
    let fixture = try Fixture("granite-hybrid")
    let model = fixture.model
    let cache = PrefixCache(model: model, byteLimit: 2 * model.stateByteCount + 4 * model.cacheBlockByteCount)
    let generator = Generator(evaluator: fixture.evaluators[0], cache: cache)
    func reused(_ seed: Int) -> Int {
      cache.sequence(beginning: text(64, seed: seed), atMost: 64, declaredLength: 64).reusedCount
    }
    for seed in 1...5 { _ = try generator.generate([request(text(64, seed: seed))]) }
    #expect(cache.snapshotCount == 2 && cache.blockCount == 4 && cache.statistics.evictedSnapshotCount == 3)
    #expect(cache.byteCount <= cache.byteLimit)
    #expect((1...5).map(reused) == [0, 0, 0, 64, 64])
    // Now the fifth is the older one.
    #expect(reused(4) == 64)
    _ = try generator.generate([request(text(64, seed: 1))])
    #expect((1...5).map(reused) == [64, 0, 0, 64, 0])
  }

  /// A batch whose texts part at some token: the second continues there, although nothing ends there.
  @Test func forksContinueWhereTheyLeaveTheFirstText() throws {
    let fixture = try Fixture("bamba-mamba")
    let generator = Generator(
      evaluator: fixture.evaluators[0], cache: PrefixCache(model: fixture.model, byteLimit: .max))
    let (one, other) = (text(150), Array(text(150)[..<91]) + text(80, seed: 5))
    let results = try generator.generate([request(one, limit: 2), request(other, limit: 2)])
    #expect(results[1].reusedCount == zip(one, other).prefix { $0 == $1 }.count)
  }

  // MARK: Files

  private func save(_ cache: PrefixCache, _ path: String) throws -> [UInt8] {
    try cache.save(to: AtomicFile(path: path, replacesExisting: true), filesDigest: try cache.model.source.digest())
    return try readFile(path)
  }

  private func filled(_ fixture: Fixture) throws -> PrefixCache {
    let cache = PrefixCache(model: fixture.model, byteLimit: .max, snapshotInterval: 20)
    let generator = Generator(evaluator: fixture.evaluators[0], cache: cache)
    _ = try generator.generate([request(text(45), limit: 2)])
    for adapter in fixture.adapters {
      _ = try generator.generate([request(text(45) + [7, 9, 7], adapter, limit: 30)])
    }
    return cache
  }

  @Test(arguments: Fixture.recurrent) func aSavedCacheGivesTheSameBits(_ name: String) throws {
    let fixture = try Fixture(name)
    try withTemporaryDirectory { directory in
      let saved = try filled(fixture)
      let bytes = try save(saved, directory + "/a")
      let digest = try fixture.model.source.digest()
      let loaded = try PrefixCache(model: fixture.model, byteLimit: .max, path: directory + "/a", filesDigest: digest)
      #expect(loaded.blockCount == saved.blockCount && loaded.snapshotCount == saved.snapshotCount)
      #expect(saved.snapshotCount > 4)
      #expect(try save(loaded, directory + "/b") == bytes)
      for adapter in fixture.adapters.map(Optional.init) + [nil] {
        let call = request(text(45) + [7, 9, 7, 21, 22], adapter, limit: 6)
        let (one, expected) = try Generator(evaluator: fixture.evaluators[0], cache: saved)
          .generateKeepingLogits([call])
        let (other, found) = try Generator(evaluator: fixture.evaluators[1], cache: loaded)
          .generateKeepingLogits([call])
        #expect(one[0].reusedCount == other[0].reusedCount)
        #expect(zip(expected[0], found[0]).allSatisfy { sameBits($0, $1) })
      }
    }
  }

  @Test func whatIsCutChangedOrForeignIsRefused() throws {
    let fixture = try Fixture("bamba")
    try withTemporaryDirectory { directory in
      let path = directory + "/a"
      let bytes = try save(try filled(fixture), path)
      func code(_ variant: [UInt8], _ model: Model? = nil) throws -> GenerationError.Code? {
        try writeFile(variant, to: path)
        return caught(GenerationError.self) {
          let model = model ?? fixture.model
          _ = try PrefixCache(model: model, byteLimit: .max, path: path, filesDigest: try model.source.digest())
        }?.code
      }
      #expect(try code(bytes) == nil)
      var random = SeededRandom(seed: 1)
      for place in Array(0..<80) + (0..<200).map({ _ in Int.random(in: 0..<bytes.count, using: &random) }) {
        var variant = bytes
        variant[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        #expect(try code(variant) == Fixture.code(ofDamageAt: place), "byte \(place)")
        #expect(try code(Array(bytes[..<place])) == (place < 8 ? .notACache : .damaged), "cut at \(place)")
      }
      #expect(try code(bytes, Fixture("granite-hybrid").model) == .foreignWeights)
      #expect(try code(bytes, Fixture("llama").model) == .unsupportedVersion)
    }
  }

  /// Files with right digests whose snapshots lie outside of their block.
  @Test func aSnapshotOutsideOfItsBlockIsRefused() throws {
    let fixture = try Fixture("bamba-mamba")
    let model = fixture.model
    let digest = try model.source.digest()
    typealias Format = CacheFileFormat
    func problem(_ counts: [UInt32], stated: Int? = nil, _ directory: String) throws -> String? {
      let header = Format.header(model, filesDigest: digest, blockCount: 1)
      var block = Format.bytes(UInt64(0)) + Format.bytes(UInt64(0)) + [UInt8](repeating: 0, count: 41)
      block += Format.bytes(UInt32(3)) + [10, 11, 12].flatMap { Format.bytes(UInt32($0)) }
      block += [UInt8](repeating: 0, count: 4 * model.cacheFloatCount(positionCount: 3))
      block += Format.bytes(UInt32(stated ?? counts.count))
      for count in counts { block += Format.bytes(count) + [UInt8](repeating: 0, count: 4 * model.stateFloatCount) }
      let bytes = header + block + Format.digest(Format.digest(header).bytes, block).bytes
      try writeFile(bytes, to: directory + "/a")
      return caught(GenerationError.self) {
        _ = try PrefixCache(model: model, byteLimit: .max, path: directory + "/a", filesDigest: digest)
      }?.problem
    }
    try withTemporaryDirectory { directory in
      for counts in [[], [1], [3], [1, 3], [1, 2, 3]] as [[UInt32]] {
        let found = try problem(counts, directory)
        #expect(found == nil)
      }
      for counts in [[0], [4], [2, 2], [3, 1], [.max]] as [[UInt32]] {
        let found = try problem(counts, directory) ?? ""
        #expect(found.contains("not within its block"))
      }
      let found = try problem([1], stated: .max >> 32, directory) ?? ""
      #expect(found.contains("ends too early"))
    }
  }
}
