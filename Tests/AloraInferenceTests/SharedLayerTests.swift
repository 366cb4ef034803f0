import AloraAdapters
import AloraModels
import AloraSystem
import AloraTestSupport
import Foundation
import Testing

@testable import AloraInference

/// Layers that attend to the keys and values of others, and embeddings for each layer.
@Suite struct SharedLayerTests {
  /// Gemma 4's three layers with the last of them sharing.
  private func layers(_ kinds: [String]) throws -> [Int?] {
    try withTemporaryDirectory { directory in
      let base = try testData("inference/gemma4/base")
      let list = kinds.map { "\"\($0)_attention\"" }.joined(separator: ", ")
      let text = String(decoding: try readFile(base + "/config.json"), as: UTF8.self)
        .replacing(#""num_kv_shared_layers": 0"#, with: #""num_kv_shared_layers": 1"#)
        .replacing(#/"layer_types": \[[^\]]*\]/#) { _ in "\"layer_types\": [\(list)]" }
        .replacing(#/"per_layer_config": \{[^{}]*(\{[^{}]*\}[^{}]*)*\}/#) { _ in #""global_head_dim": 12"# }
      try writeFile(Array(text.utf8), to: directory + "/config.json")
      try FileManager.default.copyItem(atPath: base + "/model.safetensors", toPath: directory + "/model.safetensors")
      return try ModelSource(path: directory).graph().layers.map { $0.attention?.sharedLayer }
    }
  }

  /// llama.cpp would take the layer before in both cases.
  @Test func aLayerSharesWithTheLastOneOfItsKind() throws {
    #expect(try layers(["sliding", "full", "full"]) == [nil, nil, 1])
    #expect(try layers(["full", "sliding", "full"]) == [nil, nil, 0])
  }

  @Test(arguments: [("gemma4-shared", 2), ("gemma3n", 1)])
  func aLayerThatSharesKeepsNothing(_ name: String, _ shared: Int) throws {
    let fixture = try #require(Fixture.all.first { $0.name == name })
    let pool = ThreadPool(threadCount: 2)
    let evaluator = try Evaluator(model: Model(path: fixture.base, pool: pool), pool: pool)
    let sequence = TokenSequence(model: evaluator.model, declaredLength: 8)
    _ = try evaluator.evaluate([Work(sequence, tokens: [3, 4, 5], logits: .last)])
    #expect(evaluator.model.graph.layers.map { $0.attention?.sharedLayer != nil } == (0...shared).map { $0 == shared })
    for layer in 0..<shared {
      #expect(sequence.headCount(layer: layer) == 1)
      #expect(sequence.entry(layer: layer, head: 0, position: 2).contains { $0 != 0 })
    }
    #expect(sequence.headCount(layer: shared) == 0)
  }

  /// Files may have the projections, and old adapters, too; neither transformers nor llama.cpp applies them.
  @Test(arguments: [("gemma4-shared", 2, 12, 8), ("gemma3n", 1, 4, 8)])
  func adaptersOfUnusedKeysAreRefused(_ name: String, _ shared: Int, _ rows: Int, _ hidden: Int) throws {
    let fixture = try #require(Fixture.all.first { $0.name == name })
    let base = try ModelSource(path: fixture.base).base()
    for (layer, isRefused) in [(shared - 1, false), (shared, true)] {
      try withTemporaryDirectory { directory in
        var builder = AdapterBuilder()
        builder.set("alora_invocation_tokens", nil)
        builder.set("target_modules", "[\"k_proj\"]")
        let module = "base_model.model.model.layers.\(layer).self_attn.k_proj"
        builder.tensors = [
          .init("\(module).lora_A.weight", [4, hidden], AdapterBuilder.values(4 * hidden, seed: 1)),
          .init("\(module).lora_B.weight", [rows, 4], AdapterBuilder.values(4 * rows, seed: 2)),
        ]
        try builder.write(to: directory)
        let error = caught(AdapterError.self) { _ = try AdapterSource(path: directory).bound(to: base) }
        #expect(error?.code == (isRefused ? .neverApplied : nil), "\(String(describing: error))")
      }
    }
  }

  /// Of tokens that the table doesn't have, those of images and sounds, Gemma 3n reads the row of token 0.
  @Test func tokensOutsideTheTableHaveTheFirstRow() throws {
    let inputs = try #require(try ModelSource(path: testData("inference/gemma3n/base")).graph().layerInputs)
    #expect(inputs.shape.tokenCount == 12)
    #expect([0, 1, 11, 12, 40].map { inputs.shape.row(ofToken: $0) } == [0, 1, 11, 0, 0])
  }
}
