import AloraSystem
import AloraModels
import AloraConversion
import AloraJSON
import AloraAdapters
import AloraTestSupport
import Testing

/// Adapters trained on a multimodal model, whose text model transformers wraps in `language_model`.
@Suite struct WrappedModelTests {
  private static let heads = ["model.language_model.", "language_model.model.", "language_model.", ""]

  private func base() throws -> BaseModel {
    try BaseModel(configuration: JSONDocument(path: testData("conversion/bases/llama/config.json")).root)
  }

  /// The plan for an adapter whose modules are named with `head` instead of `model.`.
  private func plan(_ head: String, _ change: (inout AdapterBuilder) -> Void = { _ in }) throws -> ConversionPlan {
    try withTemporaryDirectory { directory in
      var builder = AdapterBuilder()
      for index in builder.tensors.indices {
        builder.tensors[index].name = builder.tensors[index].name.replacing(
          "base_model.model.model.", with: "base_model.model." + head)
      }
      change(&builder)
      try builder.write(to: directory)
      return try ConversionPlan(adapter: AdapterDirectory(path: directory), base: base())
    }
  }

  @Test(arguments: heads) func theWrapperIsLookedThrough(_ head: String) throws {
    let (plain, wrapped) = (try plan("model."), try plan(head))
    #expect(wrapped.modules == plain.modules && wrapped.notes == plain.notes)
    #expect(wrapped.tensors.map(\.name) == plain.tensors.map(\.name))
  }

  @Test(arguments: heads) func patternsSeeTheWholeName(_ head: String) throws {
    let found = try plan(head) {
      $0.set("target_modules", "\"\(head)layers[.][0-9]+[.]self_attn[.](q|o)_proj\"")
      $0.set("alpha_pattern", "{\"\(head)layers.0.self_attn.q_proj\": 16}")
    }
    #expect(found.modules.map(\.scaling) == [4, 2, 2, 2])
  }

  @Test(arguments: heads) func whatIsMissingIsNamedAsTheOthers(_ head: String) throws {
    let found = try plan(head) { $0.set("target_modules", "\"\(head)layers[.][0-9]+[.]self_attn[.](q|o|v)_proj\"") }
    #expect(found.notes == [.adapter(.modulesNotInFile(count: 2, first: "\(head)layers.0.self_attn.v_proj"))])
  }

  @Test func theOutputLayerIsFound() throws {
    let found = try plan("language_model.model.") { builder in
      let name = "base_model.model.language_model.lm_head"
      builder.tensors.append(.init("\(name).lora_A.weight", [4, 64], AdapterBuilder.values(256, seed: 3)))
      builder.tensors.append(.init("\(name).lora_B.weight", [96, 4], AdapterBuilder.values(384, seed: 4)))
      builder.set("target_modules", "[\"q_proj\", \"o_proj\", \"lm_head\"]")
    }
    #expect(found.modules.last?.name == "lm_head" && found.modules.last?.targets == ["output.weight"])
  }

  @Test func anotherWrapperIsNone() throws {
    let error = caught(AdapterError.self) { _ = try plan("vision_model.") }
    #expect(error?.code == .unknownModule)
  }
}
