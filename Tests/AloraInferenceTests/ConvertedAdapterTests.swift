import AloraModels
import AloraSystem
import AloraConversion
import AloraInference
import AloraAdapters
import AloraTestSupport
import Testing

/// Adapters that were converted to GGUF, on bases in either form.
@Suite struct ConvertedAdapterTests {
  @Test(arguments: Fixture.all) func convertedAdaptersMeetTheGoldensToo(_ fixture: Fixture) throws {
    try withTemporaryDirectory { directory in
      let pool = ThreadPool(threadCount: 2)
      let model = try Model(path: fixture.base, pool: pool)
      let plan = try ConversionPlan(adapter: AdapterDirectory(path: fixture.adapter), base: model.graph.base)
      let path = directory + "/adapter.gguf"
      _ = try plan.write(to: path, replacesExisting: false)
      // llama.cpp's converter multiplies some weights, and so their factors are; mostly by no power of two.
      let isMultiplied = model.graph.base.modules.flatMap(\.targets).flatMap(\.factors).contains {
        $0.value.significand != 1
      }
      let isFolded = isMultiplied || plan.modules.contains { $0.foldedFactor != 1 }
      let adapters = try [fixture.adapter, path].map { try Adapter(path: $0, model: model, pool: pool) }
      #expect(adapters[1].invocationTokens == adapters[0].invocationTokens)
      // The digest shows whether both have the same numbers. After folding a scaling, they don't.
      #expect((adapters[0].digest == adapters[1].digest) == !isFolded)
      let evaluator = Evaluator(model: model, pool: pool)
      for item in try fixture.golden.cases {
        let results = try adapters.map {
          try logits(evaluator, item.tokens, adapter: $0, start: item.activationStart)
        }
        let isSame = sameBits(results[0], results[1])
        #expect(isSame || isFolded)
        #expect(relativeError(results[1], item.adapted) <= GoldenTests.tolerance)
      }
    }
  }

  @Test func anAdapterForAnotherArchitectureIsRefused() throws {
    try withTemporaryDirectory { directory in
      let pool = ThreadPool(threadCount: 1)
      let other = try #require(Fixture.all.first { $0.name == "qwen2" })
      let model = try Model(path: other.base, pool: pool)
      let plan = try ConversionPlan(adapter: AdapterDirectory(path: other.adapter), base: model.graph.base)
      _ = try plan.write(to: directory + "/qwen2.gguf", replacesExisting: false)
      let llama = try #require(Fixture.all.first { $0.name == "llama" })
      let base = try Model(path: llama.base, pool: pool)
      func code(_ path: String) -> AdapterError.Code? {
        caught(AdapterError.self) { _ = try Adapter(path: path, model: base, pool: pool) }?.code
      }
      #expect(code(directory + "/qwen2.gguf") == .wrongBase)
      #expect(code(try Fixture.withGGUF[0].gguf) == .notAnAdapter)
    }
  }
}
