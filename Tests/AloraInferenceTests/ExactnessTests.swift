import AloraTensors
import AloraModels
import AloraTestSupport
import CAloraKernels
import Foundation
import Testing

@testable import AloraInference

/// What the exactness contract promises, on random texts, divisions, batches, threads and instruction sets.
@Suite(.serialized) struct ExactnessTests {
  /// Cases of each model; thousands over all models.
  static let caseCount = 60

  /// Evaluators for 1 to 8 threads, each with one of the instruction sets of this processor.
  private static func evaluators(_ model: Model, pools: [ThreadPool]) -> [Evaluator] {
    pools.flatMap { pool in
      InstructionSet.available.map { Evaluator(model: model, pool: pool, instructionSet: $0) }
    }
  }

  @Test(arguments: Fixture.all) func noDivisionOfTheWorkChangesABit(_ fixture: Fixture) throws {
    let pools = (1...8).map { ThreadPool(threadCount: $0) }
    let model = try Model(path: fixture.base, pool: pools[0])
    let adapter = try Adapter(path: fixture.adapter, model: model, pool: pools[0])
    let evaluators = Self.evaluators(model, pools: pools)
    for number in 0..<Self.caseCount {
      let seed = UInt64(number) &* 1_000_003 &+ fixture.name.utf8.reduce(0) { $0 &* 31 &+ UInt64($1) }
      let failure = try Scenario(seed: seed, model: model, adapters: [adapter]).failure(evaluators)
      #expect(failure == nil, "seed \(seed)")
    }
  }

  /// Adapters of other models of the same shape will do: what they were trained for does not matter here.
  @Test func adaptersDoNotFeelEachOtherInABatch() throws {
    let pools = [1, 2, 3].map { ThreadPool(threadCount: $0) }
    let model = try Model(path: testData("inference/llama-output/base"), pool: pools[0])
    let adapters = try ["llama-output", "llama-lora", "llama-linear", "llama-embedding", "llama-yarn"].map {
      try Adapter(path: testData("inference/\($0)/adapter"), model: model, pool: pools[0])
    }
    #expect(Set(adapters.map(\.digest)).count == adapters.count)
    let evaluators = Self.evaluators(model, pools: pools)
    for seed in 0..<100 {
      let failure = try Scenario(seed: UInt64(seed), model: model, adapters: adapters).failure(evaluators)
      #expect(failure == nil, "seed \(seed)")
    }
  }

  /// Were a product's order of summation to change at the end of a tile, the comparison above would see it.
  @Test func aProductWithAnotherOrderAtATilesEdgeIsNoticed() throws {
    let fixture = try #require(Fixture.all.first { $0.name == "llama" })
    let pools = [1, 3].map { ThreadPool(threadCount: $0) }
    let model = try Model(path: fixture.base, pool: pools[0])
    let adapter = try Adapter(path: fixture.adapter, model: model, pool: pools[0])
    let evaluators = pools.map {
      Evaluator(model: model, pool: $0, instructionSet: .best) { call in
        call.perform()
        // The last token's first output, summed from the end.
        let (tokens, columns, panel) = (call.tokenCount, call.columnCount, call.panels.lowerBound)
        guard tokens > 1, call.tiles.upperBound == alora_tile_count(tokens), call.type == ALORA_TYPE_F32.rawValue else {
          return
        }
        let start = alora_tile_first_token(alora_tile_count(tokens) - 1, tokens)
        let width = tokens - start
        let panelStart = call.weights.assumingMemoryBound(to: Float.self) + panel * columns * 32
        var sum: Float = 0
        for k in (0..<columns).reversed() {
          sum.addProduct(call.x[start * columns + k * width + width - 1], panelStart[k * 32])
        }
        call.y[(tokens - 1) * call.stride + panel * 32] = sum
      }
    }
    let noticed = try (0..<10).count { seed in
      try Scenario(seed: UInt64(seed), model: model, adapters: [adapter]).failure(evaluators) != nil
    }
    #expect(noticed >= 9)
  }

  /// The digests of fixed texts, the same on every machine.
  @Test(arguments: Fixture.all) func logitsHaveTheirCommittedDigests(_ fixture: Fixture) throws {
    let path = try testData("inference/digests.json")
    let committed = try JSONDecoder().decode([String: [String: String]].self, from: Data(readFile(path)))
    let pool = ThreadPool(threadCount: 2)
    let model = try Model(path: fixture.base, pool: pool)
    let adapter = try Adapter(path: fixture.adapter, model: model, pool: pool)
    for set in InstructionSet.available {
      let evaluator = Evaluator(model: model, pool: pool, instructionSet: set)
      var (base, adapted) = (Digest.Hasher(), Digest.Hasher())
      for item in try fixture.golden.cases {
        base.add(try logits(evaluator, item.tokens))
        adapted.add(try logits(evaluator, item.tokens, adapter: adapter, start: item.activationStart))
      }
      let found = ["base": base.end().description, "adapted": adapted.end().description]
      #expect(committed[fixture.name] == found, "\"\(fixture.name)\": \(found)")
    }
  }
}

/// Some sequences, computed together in a random order of random parts by random evaluators, each compared with itself
/// computed alone and at once, with one thread and scalar kernels.
struct Scenario {
  private struct Text {
    let tokens: [Int]
    let adapter: Adapter
    let start: Int?
    /// How much comes from the cache of the base.
    let prefix: Int
  }

  private var random: SeededRandom
  private let model: Model
  private var texts: [Text] = []

  init(seed: UInt64, model: Model, adapters: [Adapter]) {
    random = SeededRandom(seed: seed)
    self.model = model
    let shared = (0..<40).map { _ in Int.random(in: 0..<model.vocabularySize, using: &random) }
    for _ in 0..<Int.random(in: 1...max(3, adapters.count), using: &random) {
      let count = Int.random(in: 1...40, using: &random)
      let start = Int.random(in: 0...2, using: &random) == 0 ? nil : Int.random(in: 0...count, using: &random)
      let isCached = Bool.random(using: &random)
      let prefix = isCached ? Int.random(in: 0...min(start ?? count, count - 1), using: &random) : 0
      let adapter = adapters[Int.random(in: 0..<adapters.count, using: &random)]
      texts.append(Text(tokens: Array(shared[..<count]), adapter: adapter, start: start, prefix: prefix))
    }
  }

  /// The first difference, described; nil if there is none.
  func failure(_ evaluators: [Evaluator]) throws -> String? {
    var random = random
    let reference = evaluators[0]
    func alone(_ text: Text, start: Int?) throws -> (TokenSequence, [Float]) {
      let sequence = TokenSequence(model: model, adapter: text.adapter, activationStart: start, declaredLength: 40)
      let logits = try reference.evaluate([Work(sequence, tokens: text.tokens, logits: .all)])
      return (sequence, logits[0].values)
    }
    let expected = try texts.map { try alone($0, start: $0.start) }
    let bases = try texts.map { try alone($0, start: nil) }
    let sequences = try zip(texts, bases).map { text, base in
      try TokenSequence(continuing: base.0, count: text.prefix, adapter: text.adapter, activationStart: text.start)
    }
    // Rows that no logits are asked for stay as expected; the rest is overwritten.
    let row = model.vocabularySize
    var found = texts.indices.map { index -> [Float] in
      let prefix = texts[index].prefix * row
      return Array(bases[index].1[..<prefix]) + expected[index].1[prefix...]
    }
    while true {
      let unfinished = texts.indices.filter { sequences[$0].tokens.count < texts[$0].tokens.count }
      guard !unfinished.isEmpty else { break }
      var chosen = unfinished.filter { _ in Bool.random(using: &random) }
      if chosen.isEmpty { chosen = [unfinished[0]] }
      let work = chosen.map { index in
        let rest = texts[index].tokens[sequences[index].tokens.count...]
        let count = Int.random(in: 1...rest.count, using: &random)
        return Work(sequences[index], tokens: Array(rest.prefix(count)), logits: Self.selection(of: count, &random))
      }
      let firsts = chosen.map { sequences[$0].tokens.count }
      let evaluator = evaluators[Int.random(in: 0..<evaluators.count, using: &random)]
      let results = try evaluator.evaluate(work)
      for (place, index) in chosen.enumerated() {
        let (logits, first) = (results[place], firsts[place])
        guard logits.positions == Self.positions(work[place], first: first),
          logits.values.count == logits.positions.count * row
        else { return "positions \(logits.positions) of text \(index), \(work[place].logits) from \(first) on" }
        found[index].replaceSubrange(
          (logits.positions.lowerBound * row)..<(logits.positions.upperBound * row), with: logits.values)
      }
    }
    for index in texts.indices {
      if !sameBits(found[index], expected[index].1) { return "logits of text \(index)" }
      let before = min(texts[index].start ?? .max, texts[index].tokens.count)
      if !sameBits(Array(found[index][..<(before * row)]), Array(bases[index].1[..<(before * row)])) {
        return "logits before the activation of text \(index)"
      }
      for position in texts[index].tokens.indices {
        let entry = entries(sequences[index], position)
        if !sameBits(entry, entries(expected[index].0, position)) {
          return "cache of text \(index), position \(position)"
        }
        if position < before, !sameBits(entry, entries(bases[index].0, position)) {
          return "cache before the activation of text \(index), position \(position)"
        }
      }
    }
    return nil
  }

  private static func selection(of count: Int, _ random: inout SeededRandom) -> Work.LogitSelection {
    switch Int.random(in: 0..<6, using: &random) {
    case 0: return .none
    case 1: return .last
    case 2:
      let first = Int.random(in: 0...count, using: &random)
      return .rows(first..<Int.random(in: first...count, using: &random))
    default: return .all
    }
  }

  /// The positions that logits are due for, of work that begins at a position.
  private static func positions(_ work: Work, first: Int) -> Range<Int> {
    let end = first + work.tokens.count
    return switch work.logits {
    case .none: first..<first
    case .last: (end - 1)..<end
    case .all: first..<end
    case .rows(let rows): (first + rows.lowerBound)..<(first + rows.upperBound)
    }
  }

  private func entries(_ sequence: TokenSequence, _ position: Int) -> [Float] {
    let h = model.graph.base.hyperparameters
    return (0..<h.layerCount).flatMap { layer in
      (0..<sequence.headCount(layer: layer)).flatMap { sequence.entry(layer: layer, head: $0, position: position) }
    }
  }
}
