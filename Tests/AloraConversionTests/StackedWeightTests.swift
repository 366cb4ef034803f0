import AloraAdapters
import AloraConversion
import AloraGGUF
import AloraModels
import AloraTensors
import AloraTestSupport
import Foundation
import Testing

/// Experts in a module whose `weight` holds all of them, as Step 3.5 and Granite MoE of transformers 4 have. PEFT adapts it as
/// the parameter `gate_proj.weight`, and wraps the module itself.
@Suite struct StackedWeightTests {
  private static let step = """
    "architectures": ["Step3p5ForCausalLM"], "num_attention_groups": 2, "moe_num_experts": 3, "moe_top_k": 2,
    "moe_intermediate_size": 12, "share_expert_dim": 20
    """
  private static let granite = """
    "architectures": ["GraniteMoeForCausalLM"], "num_key_value_heads": 2, "num_local_experts": 3, "num_experts_per_tok": 2
    """
  private let experts = 3
  private let rank = 2

  private func write(_ directory: String, _ base: String) throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    try Data(
      """
      {\(base), "hidden_size": 32, "num_attention_heads": 4, "head_dim": 8, "num_hidden_layers": 2, "vocab_size": 64,
       "intermediate_size": 24}
      """.utf8
    ).write(to: URL(fileURLWithPath: directory + "/config.json"))
  }

  private func adapter(_ modules: [(name: String, inputs: Int, outputs: Int)], targets: String) -> AdapterBuilder {
    var builder = AdapterBuilder()
    builder.set("alora_invocation_tokens", nil)
    builder.set("r", "\(rank)")
    builder.set("target_modules", "[]")
    builder.set("target_parameters", targets)
    builder.tensors = []
    for layer in 0..<2 {
      for (name, inputs, outputs) in modules {
        let path = "base_model.model.model.layers.\(layer).\(name)"
        builder.tensors += [
          .init(
            path + ".lora_A.weight", [experts * rank, inputs],
            AdapterBuilder.values(experts * rank * inputs, seed: inputs)),
          .init(
            path + ".lora_B.weight", [outputs, rank * experts],
            AdapterBuilder.values(outputs * rank * experts, seed: outputs)),
        ]
      }
    }
    return builder
  }

  @Test func expertsOfStepBecomeStacksAndComeBack() throws {
    let modules = [("moe.gate_proj", 32, 12), ("moe.up_proj", 32, 12), ("moe.down_proj", 12, 32)]
    let builder = adapter(
      modules, targets: #"["moe.gate_proj.weight", "moe.up_proj.weight", "moe.down_proj.weight"]"#)
    try withTemporaryDirectory { directory in
      try write(directory + "/base", Self.step)
      try builder.write(to: directory + "/adapter")
      let trip = try RoundTrip(directory, base: directory + "/base")
      let result = try trip.run(directory + "/adapter")
      #expect(result.first == result.second)
      let file = try GGUFFileSet(path: directory + "/first-f32.gguf")
      for (name, inputs, outputs) in modules {
        let tensor = "blk.1.ffn_\(name.dropFirst(4).dropLast(5))_exps.weight"
        #expect(file.tensor(named: tensor + ".lora_a")?.shape.dimensions == [experts, rank, inputs])
        #expect(file.tensor(named: tensor + ".lora_b")?.shape.dimensions == [experts, outputs, rank])
      }
      // `gate_proj.weight` alone would also name the dense layers and the shared expert.
      let back = try AdapterDirectory(path: directory + "/back-f32")
      #expect(
        back.configuration.targetParameters == ["moe.down_proj.weight", "moe.gate_proj.weight", "moe.up_proj.weight"])
      #expect(
        Set(back.pairs.map(\.module))
          == Set((0..<2).flatMap { layer in modules.map { "model.layers.\(layer).\($0.0)" } }))
    }
  }

  /// The parameters have other names in transformers 5, and the same factors.
  @Test func bothNamesOfGraniteGiveTheSameBytes() throws {
    let old = adapter(
      [("block_sparse_moe.input_linear", 32, 48), ("block_sparse_moe.output_linear", 24, 32)],
      targets: #"["input_linear.weight", "output_linear.weight"]"#)
    let new = adapter(
      [("block_sparse_moe.experts.base_layer", 32, 48), ("block_sparse_moe.experts", 24, 32)],
      targets: #"["experts.gate_up_proj", "experts.down_proj"]"#)
    try withTemporaryDirectory { directory in
      try write(directory + "/base", Self.granite)
      // A GGUF has its adapter's name.
      try old.write(to: directory + "/old/adapter")
      try new.write(to: directory + "/new/adapter")
      let trip = try RoundTrip(directory, base: directory + "/base")
      #expect(
        try trip.convert(directory + "/old/adapter", to: "old.gguf")
          == trip.convert(directory + "/new/adapter", to: "new.gguf"))
    }
  }
}
