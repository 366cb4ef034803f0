import AloraModels
import AloraGeneration
import AloraInference
import AloraTestSupport
import AloraTokenization
import Foundation
import Testing

/// The path of the model; nil if there is none.
private let realModelPath: String? = {
  let named = ProcessInfo.processInfo.environment["ALORA_TEST_MODEL"]
  let cached = try? testData("../.cache/SmolLM2-135M-Instruct.Q4_1.gguf")
  return [named, cached].compactMap { $0 }.first { FileManager.default.fileExists(atPath: $0) }
}()

/// A real adapter's answers. Needs the model: `make test` downloads it, or ALORA_TEST_MODEL names it.
@Suite(.enabled(if: realModelPath != nil, "no model; make test downloads it")) struct RealModelTests {
  private struct Prompt: Decodable {
    let text: String
    let answer: String
    let start: Int

    enum CodingKeys: String, CodingKey {
      case text
      case answer = "adapter_output"
      case start = "alora_start"
    }
  }

  /// Every answer is PEFT's, one after the other on one cache, or parts from it where two logits are nearly equal.
  @Test func greedyAnswersArePEFTs() throws {
    let path = try #require(realModelPath)
    let directory = try testData("adapters/answerability")
    let pool = ThreadPool(threadCount: ThreadPool.processorCount)
    let model = try Model(path: path, pool: pool)
    let adapter = try Adapter(path: directory + "/adapter-bf16", model: model, pool: pool)
    let tokenizer = try Tokenizer(path: path)
    let ends = try ModelSource(path: path).endTokens()
    let lines = try String(decoding: readFile(directory + "/prompts.jsonl"), as: UTF8.self).split(separator: "\n")
    let prompts = try lines.map { try JSONDecoder().decode(Prompt.self, from: Data($0.utf8)) }
    #expect(prompts.count == 50)
    // The shortest, for kernels without optimization; compare_answers.py takes them all.
    let some = prompts.sorted { $0.start < $1.start }.prefix(2)
    let cache = PrefixCache(model: model, byteLimit: .max)
    let generator = Generator(evaluator: Evaluator(model: model, pool: pool), cache: cache)
    for prompt in some {
      var request = GenerationRequest(tokens: try tokenizer.encode(prompt.text), adapter: adapter, limit: 16)
      request.endTokens = ends
      let found = try generator.generate([request])[0]
      #expect(request.activationStart == prompt.start)
      let answer = try tokenizer.decode(found.tokens)
      let least = found.choices.map(\.margin).min() ?? 0
      // PyTorch's own order of sums moves logits of up to 30 by a few 1e-4.
      #expect(answer == prompt.answer || least < 1e-3, "\(answer), distance \(least)")
    }
    // All prompts begin alike.
    #expect(cache.statistics.reusedTokenCount > 0)
  }
}
