import AloraJSON
import AloraSystem
import AloraTestSupport
import Testing

@testable import AloraModels

/// What configurations say of the choice of experts.
@Suite struct ExpertRoutingTests {
  private static let sizes = """
    "hidden_size": 16, "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 8, "intermediate_size": 24,
    "num_hidden_layers": 3, "vocab_size": 32
    """

  private func mixtures(_ name: String, _ fields: String) throws -> [ExpertMixture<GraphMatrix, GraphVector>?] {
    let text = #"{"architectures": ["\#(name)ForCausalLM"], \#(Self.sizes), \#(fields)}"#
    return try ModelGraph(configuration: parseJSON(text)).layers.map { layer in
      for block in layer.blocks {
        if case .feedForward(.experts(let mixture)) = block.operation { return mixture }
      }
      return nil
    }
  }

  @Test func glmStatesGroupsAScaleAndTheFirstLayersWithoutExperts() throws {
    let found = try mixtures(
      "Glm4Moe",
      """
      "n_routed_experts": 12, "num_experts_per_tok": 4, "n_group": 4, "topk_group": 2, "routed_scaling_factor": 2.5,
      "first_k_dense_replace": 2, "n_shared_experts": 3, "moe_intermediate_size": 5
      """)
    #expect(found.map { $0 != nil } == [false, false, true])
    let mixture = try #require(found[2])
    let scores = ExpertScores(
      function: .sigmoid, normalization: .sumPlus(1e-20), scale: 2.5, groupCount: 4, groupsPerToken: 2)
    #expect(mixture.routing == ExpertRouting(expertsPerToken: 4, weights: .scores(scores)))
    #expect(mixture.experts.count == 12 && mixture.shared?.gate.rowCount == 15)
    #expect(mixture.correction?.ggufName == "blk.2.exp_probs_b.bias")
  }

  @Test(arguments: [
    (#""n_routed_experts": 7, "n_group": 2, "topk_group": 1, "num_experts_per_tok": 2"#, "groups of two or more"),
    (#""n_routed_experts": 4, "n_group": 4, "topk_group": 2, "num_experts_per_tok": 2"#, "groups of two or more"),
    (#""n_routed_experts": 8, "n_group": 4, "topk_group": 5, "num_experts_per_tok": 2"#, "5 of 4 groups"),
    (#""n_routed_experts": 8, "n_group": 4, "topk_group": 0, "num_experts_per_tok": 2"#, "0 of 4 groups"),
    (#""n_routed_experts": 8, "n_group": 4, "topk_group": 1, "num_experts_per_tok": 3"#, "3 experts can't be chosen"),
  ]) func groupsThatCannotBeAreRefused(_ fields: String, _ problem: String) {
    let error = caught(ArchitectureError.self) {
      _ = try mixtures("Glm4Moe", fields + #", "first_k_dense_replace": 0"#)
    }
    #expect(error?.code == .unsupportedVariant && error?.problem.contains(problem) == true)
  }

  @Test(arguments: [
    (#""moe_layer_start_index": 1"#, [false, true, true]),
    (#""moe_layer_start_index": 0, "moe_layer_end_index": 1"#, [true, true, false]),
    (#""moe_layer_start_index": 0, "moe_layer_end_index": -1, "moe_layer_interval": 2"#, [false, true, false]),
  ]) func ernieStatesTheLayersWithExperts(_ fields: String, _ expected: [Bool]) throws {
    let found = try mixtures("Ernie4_5_Moe", fields + #", "moe_num_experts": 4, "moe_k": 2, "moe_norm_min": 0.25"#)
    #expect(found.map { $0 != nil } == expected)
    let scores = ExpertScores(function: .softmax, normalization: .sumAtLeast(0.25))
    #expect(found.compactMap { $0?.routing.weights }.allSatisfy { $0 == .scores(scores) })
  }

  @Test func ernieWithExpertsAndABiasOfTheOutputLayerIsRefused() {
    let error = caught(ArchitectureError.self) {
      _ = try mixtures("Ernie4_5_Moe", #""moe_num_experts": 4, "moe_k": 2, "use_bias": true"#)
    }
    #expect(error?.problem.contains("use_bias") == true)
  }

  @Test func aSharedNetworkOfAnyWidthIsNotMultipliedBlindly() {
    let error = caught(JSONError.self) {
      _ = try mixtures("Glm4Moe", #""n_shared_experts": 16777216, "moe_intermediate_size": 16777216"#)
    }
    #expect(error?.code == .outOfRange)
  }
}
