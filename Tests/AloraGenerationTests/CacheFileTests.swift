import AloraModels
import AloraTensors
import AloraSystem
import AloraInference
import AloraTestSupport
import Foundation
import Testing

@testable import AloraGeneration

/// A cache that was saved is the same cache; a file that was not written so is refused.
@Suite struct CacheFileTests {
  private func text(_ count: Int, seed: Int = 0) -> [Int] { (0..<count).map { ($0 * 31 + seed * 17) % 41 + 20 } }

  private func save(_ cache: PrefixCache, _ path: String) throws -> [UInt8] {
    try cache.save(to: AtomicFile(path: path, replacesExisting: true), filesDigest: try cache.model.source.digest())
    return try readFile(path)
  }

  private func load(_ model: Model, _ path: String, byteLimit: Int = .max) throws -> PrefixCache {
    try PrefixCache(model: model, byteLimit: byteLimit, path: path, filesDigest: try model.source.digest())
  }

  /// A base's text, an aLoRA's call on it and an ordinary LoRA's.
  private func filled(_ fixture: Fixture) throws -> PrefixCache {
    let cache = PrefixCache(model: fixture.model, byteLimit: .max)
    let generator = Generator(evaluator: fixture.evaluators[0], cache: cache)
    let context = text(45)
    _ = try generator.generate([GenerationRequest(tokens: context, limit: 2)])
    for adapter in fixture.adapters {
      _ = try generator.generate([GenerationRequest(tokens: context + [7, 9, 7], adapter: adapter, limit: 30)])
    }
    return cache
  }

  @Test func aSavedCacheGivesTheSameBits() throws {
    let fixture = try Fixture()
    try withTemporaryDirectory { directory in
      let saved = try filled(fixture)
      let bytes = try save(saved, directory + "/a")
      let loaded = try load(fixture.model, directory + "/a")
      #expect(loaded.blockCount == saved.blockCount && saved.blockCount > 8)
      #expect(try save(loaded, directory + "/b") == bytes)
      for adapter in fixture.adapters.map(Optional.init) + [nil] {
        let request = GenerationRequest(tokens: text(45) + [7, 9, 7, 21, 22], adapter: adapter, limit: 6)
        let (one, expected) = try Generator(evaluator: fixture.evaluators[0], cache: saved)
          .generateKeepingLogits([request])
        let (other, found) = try Generator(evaluator: fixture.evaluators[1], cache: loaded)
          .generateKeepingLogits([request])
        #expect(one[0].reusedCount == other[0].reusedCount && other[0].reusedCount >= 45)
        #expect(zip(expected[0], found[0]).allSatisfy { sameBits($0, $1) })
      }
    }
  }

  @Test func theOrderOfUseIsSavedAndTheLimitHolds() throws {
    let fixture = try Fixture()
    try withTemporaryDirectory { directory in
      let cache = PrefixCache(model: fixture.model, byteLimit: .max)
      let generator = Generator(evaluator: fixture.evaluators[0], cache: cache)
      for seed in [1, 2, 1] { _ = try generator.generate([GenerationRequest(tokens: text(64, seed: seed), limit: 0)]) }
      _ = try save(cache, directory + "/a")
      let loaded = try load(fixture.model, directory + "/a", byteLimit: 3 * fixture.model.cacheBlockByteCount)
      #expect(loaded.blockCount == 3)
      func reused(_ seed: Int) -> Int {
        loaded.sequence(beginning: text(64, seed: seed), atMost: 64, declaredLength: 64).reusedCount
      }
      #expect(reused(1) == 64 && reused(2) == 32)
    }
  }

  /// The set of rotary frequencies is saved, too.
  @Test func longTextsStayLong() throws {
    let fixture = try Fixture("phi3-longrope")
    try withTemporaryDirectory { directory in
      let cache = PrefixCache(model: fixture.model, byteLimit: .max)
      let generator = Generator(evaluator: fixture.evaluators[0], cache: cache)
      _ = try generator.generate([GenerationRequest(tokens: text(14), limit: 9)])
      _ = try save(cache, directory + "/a")
      let loaded = try load(fixture.model, directory + "/a")
      #expect(loaded.sequence(beginning: text(14), atMost: 14, declaredLength: 14).reusedCount == 0)
      #expect(loaded.sequence(beginning: text(14), atMost: 14, declaredLength: 40).reusedCount == 14)
    }
  }

  @Test func whatIsCutOrChangedIsRefused() throws {
    let fixture = try Fixture()
    try withTemporaryDirectory { directory in
      let cache = PrefixCache(model: fixture.model, byteLimit: .max)
      _ = try Generator(evaluator: fixture.evaluators[0], cache: cache)
        .generate([GenerationRequest(tokens: text(34) + [7, 9, 7], adapter: fixture.adapters[0], limit: 0)])
      let path = directory + "/a"
      let bytes = try save(cache, path)
      let digest = try fixture.model.source.digest()
      func code(_ variant: [UInt8]) throws -> GenerationError.Code? {
        try writeFile(variant, to: path)
        return caught(GenerationError.self) {
          _ = try PrefixCache(model: fixture.model, byteLimit: .max, path: path, filesDigest: digest)
        }?.code
      }
      #expect(try code(bytes) == nil)
      var random = SeededRandom(seed: 1)
      let places = Array(0..<140) + (0..<200).map { _ in Int.random(in: 0..<bytes.count, using: &random) }
      for place in places {
        var variant = bytes
        variant[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
        #expect(try code(variant) == Fixture.code(ofDamageAt: place), "byte \(place)")
        let cut = try code(Array(bytes[..<place]))
        #expect(cut == (place < 8 ? .notACache : .damaged), "cut at \(place)")
      }
      #expect(try code(bytes + [0]) == .damaged)
      let other = try Fixture("llama")
      try writeFile(bytes, to: path)
      #expect(caught(GenerationError.self) { _ = try load(other.model, path) }?.code == .foreignWeights)
      #expect(caught(FileError.self) { _ = try load(other.model, directory + "/none") }?.code == .notFound)
    }
  }

  private struct Record {
    var parent = 0
    var rotaryBits: UInt64 = 0
    var flag: UInt8 = 0
    var adapter = [UInt8](repeating: 0, count: 32)
    var start: UInt64 = 0
    var tokens: [UInt32] = Array(0..<32)
    var tokenCount: UInt32?
  }

  /// Files with right digests whose blocks contradict each other.
  @Test func contradictionsAreRefused() throws {
    let fixture = try Fixture()
    let digest = try fixture.model.source.digest()
    func code(_ records: [Record], blockCount: Int? = nil, _ directory: String) throws -> GenerationError? {
      let header = CacheFileFormat.header(
        fixture.model, filesDigest: digest, blockCount: blockCount ?? records.count)
      var (bytes, digests) = (header, [CacheFileFormat.digest(header)])
      for record in records {
        var block = CacheFileFormat.bytes(UInt64(record.parent)) + CacheFileFormat.bytes(record.rotaryBits)
        block += [record.flag] + record.adapter + CacheFileFormat.bytes(record.start)
        block += CacheFileFormat.bytes(record.tokenCount ?? UInt32(record.tokens.count))
        block += record.tokens.flatMap { CacheFileFormat.bytes($0) }
        block += [UInt8](repeating: 0xFF, count: 4 * fixture.model.cacheFloatCount(positionCount: record.tokens.count))
        let before = digests.indices.contains(record.parent) ? digests[record.parent] : digests[0]
        digests.append(CacheFileFormat.digest(before.bytes, block))
        bytes += block + digests[digests.count - 1].bytes
      }
      try writeFile(bytes, to: directory + "/a")
      return caught(GenerationError.self) {
        _ = try PrefixCache(model: fixture.model, byteLimit: .max, path: directory + "/a", filesDigest: digest)
      }
    }
    let next = Record(parent: 1)
    let adapted = Record(flag: 1, start: 5)
    var other = adapted
    other.parent = 1
    try withTemporaryDirectory { directory in
      var same = adapted
      same.parent = 1
      #expect(try code([Record(), next], directory) == nil)
      #expect(try code([adapted, same], directory) == nil)
      other.start = 6
      var late = Record(flag: 1, start: 32)
      for (records, message) in [
        ([Record(tokens: [1, 2]), next], "not full"), ([Record(tokens: [64])], "not in the model's vocabulary"),
        ([Record(tokens: [.max])], "not in the model's vocabulary"), ([Record(parent: 1)], "comes before the one"),
        ([Record(), Record(parent: 7)], "comes before the one"), ([Record(tokenCount: 33)], "33 tokens"),
        ([Record(tokenCount: 0)], "0 tokens"), ([Record(), Record()], "twice"),
        ([Record(rotaryBits: 1 << 40)], "rotary"), ([adapted, next], "weights do not fit"),
        ([adapted, other], "weights do not fit"), ([late], "weights do not fit"),
        ([Record(flag: 2)], "adapter cannot be read"), ([Record(flag: 1, start: .max)], "adapter cannot be read"),
      ] as [([Record], String)] {
        let error = try code(records, directory)
        #expect(
          error?.code == .damaged && error?.problem.contains(message) == true,
          "\(message): \(String(describing: error))")
      }
      late.parent = 1
      #expect(try code([Record(), late], directory) == nil)
      #expect(try code([Record()], blockCount: .max, directory)?.code == .damaged)
      #expect(try code([Record()], blockCount: 0, directory)?.problem.contains("data after the last block") == true)
      #expect(try code([], directory) == nil)
    }
  }
}
