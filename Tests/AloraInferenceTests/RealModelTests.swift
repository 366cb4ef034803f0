import AloraAdapters
import AloraInference
import AloraNPZ
import AloraTestSupport
import Foundation
import Testing

/// The path of the model; nil if there is none.
private let realModelPath: String? = {
  let named = ProcessInfo.processInfo.environment["ALORA_TEST_MODEL"]
  let cached = try? testData("../.cache/SmolLM2-135M-Instruct.Q4_1.gguf")
  return [named, cached].compactMap { $0 }.first { FileManager.default.fileExists(atPath: $0) }
}()

/// A real model with a real adapter. Needs the model: `make test` downloads it, or ALORA_TEST_MODEL names it.
@Suite(.enabled(if: realModelPath != nil, "no model; make test downloads it")) struct RealModelTests {
  /// Logits are up to 30; PyTorch's own order of sums moves them by a few 1e-4.
  @Test func goldensOfPEFTAreMet() throws {
    let path = try #require(realModelPath)
    let pool = ThreadPool(threadCount: ThreadPool.processorCount)
    let model = try Model(path: path, pool: pool)
    // The packed weights are as many bytes as the file's, but for rows rounded up to panels.
    #expect(Double(model.weightByteCount) <= 1.02 * Double(model.fileByteCount))
    let adapter = try Adapter(
      path: testData("adapters/answerability/adapter-bf16"), model: model, pool: pool)
    let evaluator = Evaluator(model: model, pool: pool)
    let golden = try NPZFile(path: testData("adapters/answerability/golden.npz"))
    let tokens = try golden.integers(named: "tokens_0")
    let positions = try golden.integers(named: "positions_0")
    let start = try golden.integer(named: "activation_start_0")
    #expect(ActivationRule.peft.start(in: tokens, invocation: adapter.invocationTokens) == start)
    for (name, start) in [("base", nil), ("adapted", start)] {
      let expected = try golden.floats(named: "\(name)_logits_0")
      let sequence = TokenSequence(
        model: model, adapter: adapter, activationStart: start, declaredLength: tokens.count)
      var found: [Float] = []
      var first = 0
      for position in positions {
        let part = Array(tokens[first...position])
        found += try evaluator.evaluate([Work(sequence, tokens: part, logits: .last)])[0].values
        first = position + 1
      }
      let worst = zip(found, expected).map { abs($0 - $1) }.max() ?? .infinity
      #expect(worst < 1e-3, "\(name)")
      for row in positions.indices {
        let range = (row * model.vocabularySize)..<((row + 1) * model.vocabularySize)
        let (mine, theirs) = (found[range], expected[range])
        #expect(
          mine.indices.max { mine[$0] < mine[$1] } == theirs.indices.max { theirs[$0] < theirs[$1] },
          "\(name), position \(positions[row])")
      }
    }
  }
}
