import AloraAdapters
import AloraInference
import AloraModels
import AloraTensors
import AloraTestSupport
import Foundation
import Testing

@testable import AloraMerge

/// Adapters that llama.cpp would apply in another way than PEFT: the engine computes what merging adds.
@Suite struct MisappliedAdapterTests {
  private func logits(_ model: Model, _ adapter: Adapter?, _ tokens: [Int]) throws -> [Float] {
    let sequence = TokenSequence(
      model: model, adapter: adapter, activationStart: adapter?.activationStart(in: tokens),
      declaredLength: tokens.count)
    let evaluator = Evaluator(model: model, pool: ThreadPool(threadCount: 1))
    return try evaluator.evaluate([Work(sequence, tokens: tokens, logits: .all)])[0].values
  }

  @Test func expertsOfGemma4AreComputedWithTheirScales() throws {
    try withTemporaryDirectory { directory in
      let base = try MergeFixture(name: "gemma4-moe").write(to: directory, type: .f32).base
      try FileManager.default.removeItem(atPath: directory + "/adapter")
      var builder = AdapterBuilder()
      builder.set("alora_invocation_tokens", nil)
      builder.set("r", "2")
      builder.set("target_modules", "[]")
      builder.set("target_parameters", #"["experts.down_proj"]"#)
      builder.tensors = (0..<2).flatMap { layer -> [AdapterBuilder.Tensor] in
        let name = "base_model.model.model.layers.\(layer).experts"
        return [
          .init("\(name).lora_A.weight", [10, 6], AdapterBuilder.values(60, seed: layer)),
          .init("\(name).lora_B.weight", [8, 10], AdapterBuilder.values(80, seed: layer + 5)),
        ]
      }
      let path = directory + "/adapter"
      try builder.write(to: path)
      let pool = ThreadPool(threadCount: 1)
      let model = try Model(path: base, pool: pool)
      let adapter = try Adapter(path: path, model: model, pool: pool)
      // llama.cpp's other way is worth a note.
      #expect(
        adapter.notes.contains {
          guard case .obstacle(let place, let problem) = $0 else { return false }
          return place.contains("experts.down_proj") && problem.contains("without the experts' scales")
        })
      let merged = directory + "/merged"
      _ = try MergePlan(model: ModelSource(path: base), adapterPath: path)
        .writeDirectory(to: merged, replacesExisting: false)
      let tokens = [3, 7, 1, 9, 4, 11, 2]
      let (adapted, sum) = (
        try logits(model, adapter, tokens), try logits(Model(path: merged, pool: pool), nil, tokens)
      )
      let largest = sum.map(abs).max() ?? 0
      // Merging rounds each weight once to float32.
      #expect(zip(adapted, sum).allSatisfy { abs($0 - $1) < 1e-5 * largest })
      let plain = try logits(model, nil, tokens)
      #expect(zip(plain, sum).contains { abs($0 - $1) > 1e-3 * largest })
    }
  }
}
