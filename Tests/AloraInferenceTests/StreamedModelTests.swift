import AloraBytes
import AloraInference
import AloraTestSupport
import Foundation
import Testing

/// Models whose weights stay in their files.
@Suite struct StreamedModelTests {
  private func bits(_ values: [Float]) -> [UInt32] { values.map { $0.bitPattern } }

  @Test(arguments: Fixture.all) func weightsThatStayInTheFileGiveTheSameBits(_ fixture: Fixture) throws {
    let pools = [1, 3].map { ThreadPool(threadCount: $0) }
    for path in try [fixture.base] + (Fixture.withGGUF.contains { $0.name == fixture.name } ? [fixture.gguf] : []) {
      let kept = try Model(path: path, pool: pools[0])
      let streamed = try Model(path: path, keepsWeights: false, pool: pools[1])
      #expect(kept.weightByteCount > 0 && streamed.weightByteCount == 0)
      var random = SeededRandom(seed: 3)
      for count in [1, 2, 13, 40] {
        let tokens = (0..<count).map { _ in Int.random(in: 0..<kept.vocabularySize, using: &random) }
        let expected = try logits(Evaluator(model: kept, pool: pools[0]), tokens)
        for pool in pools {
          let found = try logits(Evaluator(model: streamed, pool: pool), tokens)
          #expect(bits(found) == bits(expected), "\(path), \(count) tokens, \(pool.threadCount) threads")
        }
      }
    }
  }

  @Test func aFileCutShortAfterLoadingIsAnErrorAndLeavesTheSequence() throws {
    try withTemporaryDirectory { directory in
      let bytes = try readFile(testData("inference/qwen2/base.gguf"))
      let path = directory + "/model.gguf"
      try writeFile(bytes, to: path)
      let pool = ThreadPool(threadCount: 2)
      let model = try Model(path: path, keepsWeights: false, pool: pool)
      let evaluator = Evaluator(model: model, pool: pool)
      let sequence = TokenSequence(model: model, declaredLength: 20)
      _ = try evaluator.evaluate([Work(sequence, tokens: [1, 2], logits: .all)])
      #expect(truncate(path, bytes.count / 2) == 0)
      #expect(throws: FileError.self) { try evaluator.evaluate([Work(sequence, tokens: [3], logits: .all)]) }
      #expect(sequence.tokens == [1, 2])
    }
  }
}
