import AloraSystem
import AloraAdapters
import AloraTensors
import AloraInference
import AloraTestSupport
import Foundation
import Testing

/// Activation, the cache's rules, and what is refused.
@Suite struct SequenceTests {
  private let pool = ThreadPool(threadCount: 2)

  private func llama() throws -> (model: Model, adapter: Adapter, evaluator: Evaluator) {
    let fixture = try #require(Fixture.all.first { $0.name == "llama" })
    let model = try Model(path: fixture.base, pool: pool)
    return (
      model, try Adapter(path: fixture.adapter, model: model, pool: pool), Evaluator(model: model, pool: pool)
    )
  }

  @Test func activationIsAtTheStartOfTheLastOccurrence() {
    let invocation = [7, 9, 7]
    func start(_ rule: ActivationRule, _ tokens: [Int]) -> Int? { rule.start(in: tokens, invocation: invocation) }
    #expect(start(.peft, [1, 7, 9, 7, 9, 7, 2]) == 3)
    #expect(start(.legacy, [1, 7, 9, 7, 2]) == 2)
    #expect(start(.llamaServer, [1, 7, 9, 7, 2]) == 0)
    #expect(start(.llamaServer, [7, 9, 7]) == 0)
    #expect(start(.peft, [7, 9, 9, 7]) == nil)
    #expect(start(.peft, [7, 9]) == nil)
    #expect(start(.peft, []) == nil)
    #expect(ActivationRule.peft.start(in: [1, 2], invocation: nil) == 0)
  }

  /// All texts of three symbols up to seven tokens, against the definition.
  @Test func everyShortTextActivatesAsDefined() {
    let invocation = [0, 1, 0]
    for count in 0...7 {
      for code in 0..<Int(pow(3.0, Double(count))) {
        var rest = code
        let tokens = (0..<count).map { _ -> Int in
          defer { rest /= 3 }
          return rest % 3
        }
        var expected: Int?
        for start in 0..<max(0, count - 2) where Array(tokens[start..<(start + 3)]) == invocation { expected = start }
        #expect(ActivationRule.peft.start(in: tokens, invocation: invocation) == expected)
      }
    }
  }

  @Test func provenanceTellsWhichWeightsMadeWhichPositions() throws {
    let (model, adapter, evaluator) = try llama()
    let sequence = TokenSequence(model: model, adapter: adapter, activationStart: 40, declaredLength: 80)
    let tokens = (0..<70).map { $0 % 90 }
    _ = try evaluator.evaluate([Work(sequence, tokens: tokens, logits: .none)])
    let parts = sequence.provenance
    #expect(parts.map(\.positions) == [0..<32, 32..<40, 40..<64, 64..<70])
    #expect(parts.map { $0.adapterDigest != nil } == [false, false, true, true])
    #expect(parts.flatMap(\.tokens) == tokens)
    #expect(parts[2].adapterDigest == adapter.digest && parts[2].activationStart == 40)
  }

  @Test func adaptedPositionsAreNotReusedByOthers() throws {
    let (model, adapter, evaluator) = try llama()
    let sequence = TokenSequence(model: model, adapter: adapter, activationStart: 5, declaredLength: 40)
    _ = try evaluator.evaluate([Work(sequence, tokens: Array(0..<20), logits: .none)])
    func attempt(_ count: Int, _ start: Int?) -> InferenceError.Code? {
      caught(InferenceError.self) {
        _ = try TokenSequence(continuing: sequence, count: count, adapter: adapter, activationStart: start)
      }?.code
    }
    #expect(attempt(6, nil) == .foreignCache)
    #expect(attempt(6, 4) == .foreignCache)
    #expect(attempt(6, 6) == .foreignCache)
    #expect(attempt(21, 5) == .foreignCache)
    #expect(attempt(5, nil) == nil)
    #expect(attempt(20, 5) == nil)
  }

  @Test func aSequenceThatIsCutBackGoesOnAsIfNothingHadBeen() throws {
    let (model, adapter, evaluator) = try llama()
    let tokens = (0..<60).map { ($0 * 31) % 90 }
    let whole = try logits(evaluator, tokens, adapter: adapter, start: 20)
    let sequence = TokenSequence(model: model, adapter: adapter, activationStart: 20, declaredLength: 60)
    _ = try evaluator.evaluate([Work(sequence, tokens: Array(tokens.reversed()), logits: .none)])
    for cut in [0, 1, 31, 32, 33, 45] {
      sequence.truncate(to: 0)
      _ = try evaluator.evaluate([Work(sequence, tokens: tokens, logits: .none)])
      sequence.truncate(to: cut)
      let rest = try evaluator.evaluate([Work(sequence, tokens: Array(tokens[cut...]), logits: .all)])[0]
      #expect(rest.positions == cut..<60)
      let isSame = sameBits(rest.values, Array(whole[(cut * model.vocabularySize)...]))
      #expect(isSame)
    }
  }

  @Test func onlyTheRowsAskedForAreGiven() throws {
    let (model, adapter, evaluator) = try llama()
    let tokens = Array(3..<30)
    let whole = try logits(evaluator, tokens, adapter: adapter, start: 9)
    for selection in [Work.LogitSelection.last, .rows(5..<12), .rows(8..<9), .none] {
      let sequence = TokenSequence(model: model, adapter: adapter, activationStart: 9, declaredLength: 30)
      let some = try evaluator.evaluate([Work(sequence, tokens: tokens, logits: selection)])[0]
      let row = model.vocabularySize
      let isSame = sameBits(
        some.values, Array(whole[(some.positions.lowerBound * row)..<(some.positions.upperBound * row)]))
      #expect(isSame)
      let count = [.last: 1, .rows(5..<12): 7, .rows(8..<9): 1][selection] ?? 0
      #expect(some.positions.count == count)
    }
  }

  @Test func tokensOutsideTheVocabularyAreRefusedAndChangeNothing() throws {
    let (model, _, evaluator) = try llama()
    let sequence = TokenSequence(model: model, declaredLength: 10)
    for tokens in [[1, 96], [-1]] {
      let error = caught(InferenceError.self) {
        _ = try evaluator.evaluate([Work(sequence, tokens: tokens, logits: .last)])
      }
      #expect(error?.code == .tokenOutsideVocabulary)
    }
    #expect(
      caught(InferenceError.self) {
        _ = try evaluator.evaluate([Work(sequence, tokens: [], logits: .last)])
      }?.code == .noTokens)
    #expect(sequence.tokens.isEmpty)
  }

  @Test func theDigestIsSHA256() {
    var hasher = Digest.Hasher()
    hasher.add(Array("abc".utf8))
    #expect(hasher.end().description == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")
    var long = Digest.Hasher()
    for _ in 0..<1000 { long.add([UInt8](repeating: 0x61, count: 1000)) }
    #expect(long.end().description == "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0")
    #expect(Digest.Hasher().end().description == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")
  }

  @Test func everyThreadRunsOnceAndSharesCoverEverything() {
    for count in 1...8 {
      let pool = ThreadPool(threadCount: count)
      #expect(pool.threadCount == count)
    }
  }
}

/// Sequences of models with recurrent layers.
@Suite struct RecurrentSequenceTests {
  private let pool = ThreadPool(threadCount: 2)
  static let fixtures = Fixture.all.filter { $0.name.hasPrefix("granite-hybrid") || $0.name.hasPrefix("bamba") }

  private func opened(_ fixture: Fixture) throws -> (model: Model, adapter: Adapter, evaluator: Evaluator) {
    let model = try Model(path: fixture.base, pool: pool)
    return (model, try Adapter(path: fixture.adapter, model: model, pool: pool), Evaluator(model: model, pool: pool))
  }

  @Test func thereAreFixtures() { #expect(Self.fixtures.count == 4) }

  @Test(arguments: fixtures) func aSequenceThatIsCutBackGoesOnAsIfNothingHadBeen(_ fixture: Fixture) throws {
    let (model, adapter, evaluator) = try opened(fixture)
    let tokens = (0..<60).map { ($0 * 31) % 20 }
    let whole = try logits(evaluator, tokens, adapter: adapter, start: 20)
    for interval in [nil, 1, 7] {
      let sequence = TokenSequence(model: model, adapter: adapter, activationStart: 20, declaredLength: 60)
      sequence.snapshotInterval = interval
      for cut in [60, 0, 1, 31, 19, 20, 21, 33, 45] {
        if cut < 60 { sequence.truncate(to: cut) }
        let first = sequence.tokens.count
        #expect(first == (cut == 60 ? 0 : cut))
        let rest = try evaluator.evaluate([Work(sequence, tokens: Array(tokens[first...]), logits: .all)])[0]
        #expect(rest.positions == first..<60)
        let isSame = sameBits(rest.values, Array(whole[(first * model.vocabularySize)...]))
        #expect(isSame, "cut \(cut), interval \(interval ?? 0)")
      }
    }
  }

  /// The states at the start are the base's, however the texts were divided; after it they aren't.
  @Test(arguments: fixtures) func statesBeforeTheActivationAreTheBases(_ fixture: Fixture) throws {
    let (model, adapter, evaluator) = try opened(fixture)
    let tokens = (0..<50).map { ($0 * 7) % 20 }
    func states(_ start: Int?, _ parts: [Int]) throws -> TokenSequence {
      let sequence = TokenSequence(model: model, adapter: adapter, activationStart: start, declaredLength: 50)
      sequence.snapshotPositions = [1, 17, 18]
      for part in parts {
        let first = sequence.tokens.count
        _ = try evaluator.evaluate([Work(sequence, tokens: Array(tokens[first..<(first + part)]), logits: .none)])
      }
      return sequence
    }
    let (base, adapted) = (try states(nil, [50]), try states(17, [3, 14, 20, 13]))
    for position in [1, 17] {
      let (one, other) = (
        try #require(base.snapshot(at: position)), try #require(adapted.snapshot(at: position))
      )
      #expect(sameBits(one.floats(of: model), other.floats(of: model)))
      #expect(one.firstDifferentLayer(from: other, of: model) == nil)
    }
    let (one, other) = (try #require(base.snapshot(at: 18)), try #require(adapted.snapshot(at: 18)))
    #expect(one.firstDifferentLayer(from: other, of: model) != nil)
  }

  @Test(arguments: fixtures) func aFailedPassChangesNothing(_ fixture: Fixture) throws {
    let (model, adapter, evaluator) = try opened(fixture)
    let tokens = (0..<40).map { ($0 * 7) % 20 }
    let whole = try logits(evaluator, tokens, adapter: adapter, start: 9)
    // Infinite logits after the 20th token.
    let broken = adapter.scaled(by: .infinity)
    let sequence = TokenSequence(model: model, adapter: broken, activationStart: 25, declaredLength: 40)
    _ = try evaluator.evaluate([Work(sequence, tokens: Array(tokens[..<20]), logits: .none)])
    for _ in 0..<3 {
      let error = caught(InferenceError.self) {
        _ = try evaluator.evaluate([Work(sequence, tokens: Array(tokens[20...]), logits: .all)])
      }
      #expect(error?.code == .notFinite)
      #expect(sequence.tokens.count == 20 && sequence.allSnapshots.map(\.position) == [20])
    }
    let continued = try TokenSequence(continuing: sequence, count: 9, adapter: adapter, activationStart: 9)
    let rest = try evaluator.evaluate([Work(continued, tokens: Array(tokens[9...]), logits: .all)])[0]
    let isSame = sameBits(rest.values, Array(whole[(9 * model.vocabularySize)...]))
    #expect(isSame)
  }
}
