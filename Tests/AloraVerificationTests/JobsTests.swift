import AloraInference
import AloraTestSupport
import Synchronization
import Testing

@testable import AloraVerification

/// Prompts side by side.
@Suite struct JobsTests {
  private func verification(threadCount: Int) throws -> Verification {
    let pool = ThreadPool(threadCount: threadCount)
    let model = try Model(path: testData("inference/llama/base"), pool: pool)
    let adapter = try Adapter(path: testData("inference/llama/adapter"), model: model, pool: pool)
    return Verification(model: model, adapter: adapter, evaluator: Evaluator(model: model, pool: pool))
  }

  private struct Wrong: Error, Equatable { let index: Int }

  @Test(arguments: [1, 2, 3, 7, 40]) func resultsComeInOrder(_ jobCount: Int) throws {
    let verification = try verification(threadCount: 2)
    for count in [0, 1, 2, 33] {
      var order: [Int] = []
      try verification.forEachInOrder(count, jobCount: jobCount) { index, _ in
        index
      } then: {
        order.append($0)
      }
      #expect(order == Array(0..<count))
    }
    // The first error counts, and what comes before it has been taken.
    var order: [Int] = []
    #expect(throws: Wrong(index: 3)) {
      try verification.forEachInOrder(9, jobCount: jobCount) { index, _ in
        if index == 3 || index == 5 { throw Wrong(index: index) }
        return index
      } then: {
        order.append($0)
      }
    }
    #expect(order == [0, 1, 2])
  }

  @Test func threadsAreShared() throws {
    let verification = try verification(threadCount: 5)
    let counts = Mutex<[Int: Int]>([:])
    try verification.forEachInOrder(64, jobCount: 3) { index, evaluator in
      counts.withLock { $0[ObjectIdentifier(evaluator).hashValue] = evaluator.pool.threadCount }
      return index
    } then: { _ in
    }
    let shares = counts.withLock { $0.values.sorted() }
    #expect(shares.count <= 3 && shares.allSatisfy { $0 == 1 || $0 == 2 } && shares.reduce(0, +) <= 5)
  }

  @Test(arguments: [1, 2, 4]) func whatIsFoundDoesNotDependOnThem(_ jobCount: Int) throws {
    let verification = try verification(threadCount: 2)
    let golden = try GoldenFile(
      path: testData("inference/llama/golden.npz"), vocabularySize: verification.model.vocabularySize)
    let told = Mutex<[(Int, Int)]>([])
    let result = try verification.run(prompts: [], golden: golden, jobCount: jobCount) { done, total in
      told.withLock { $0.append((done, total)) }
    }
    let serial = try verification.run(prompts: [], golden: golden)
    #expect(result.verdicts == serial.verdicts && result.passed)
    #expect(result.cases.map(\.name) == golden.cases.map { "case \($0.index)" })
    for (one, other) in zip(result.cases, serial.cases) {
      #expect(one.positions.map(\.effect) == other.positions.map(\.effect))
      #expect(one.positions.map(\.adapted) == other.positions.map(\.adapted))
    }
    // Progress rises to the end.
    let steps = told.withLock { $0 }
    let total = 2 * golden.cases.reduce(0) { $0 + $1.tokens.count }
    #expect(steps.allSatisfy { $0.1 == total } && steps.last?.0 == total)
    #expect(zip(steps, steps.dropFirst()).allSatisfy { $0.0 < $1.0 })
  }

  /// A prompt that no position of the base can hold is its own failure.
  @Test func aPromptThatIsTooLongHidesNoOther() throws {
    let verification = try verification(threadCount: 1)
    let long = [Int](repeating: 1, count: verification.evaluator.positionLimit + 1)
    let result = try verification.run(
      prompts: [
        .init(name: "long", tokens: long), .init(name: "good", tokens: [20, 30, 7, 9, 7, 11]),
      ], golden: nil)
    let failures = result.verdicts.flatMap(\.failures)
    #expect(
      failures == [.init(.promptTooLong(tokenCount: long.count, limit: long.count - 1), caseIndex: 0)])
    #expect(result.cases.map(\.name) == ["long", "good"] && result.cases[1].positions.count == 6)
  }
}
