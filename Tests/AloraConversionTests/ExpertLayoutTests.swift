import AloraSystem
import AloraAdapters
import AloraConversion
import AloraGGUF
import AloraJSON
import AloraModels
import AloraTensors
import AloraTestSupport
import Testing

/// Adapters of experts that PEFT 0.18.1 to 0.21.2 saved, each version in its layout, with one update.
@Suite struct ExpertLayoutTests {
  private static let models = [
    "qwen3-moe", "qwen3-moe-square", "qwen3-moe-square-alone", "gpt-oss", "gpt-oss-square", "gpt-oss-square-alone",
    "llama4",
    "llama4-square-alone",
  ]
  private static let versions = ["0.18.1", "0.19.0", "0.19.1", "0.21.2"]

  private func folder(_ model: String) throws -> String { try testData("conversion/layouts/\(model)") }

  private func base(_ model: String) throws -> BaseModel {
    try BaseModel(configuration: JSONDocument(path: try folder(model) + "/config.json").root)
  }

  /// The factors of the file, as the script that made the adapters digests them.
  private func digest(_ path: String, isInterleaved: Bool) throws -> String {
    let file = try GGUFFileSet(path: path)
    func bytes(_ name: String) throws -> [UInt8]? { try file.tensor(named: name).map { try file.readBytes(of: $0) } }
    func named(_ tensor: String, _ factor: String) -> String { "blk.0.\(tensor).weight.lora_\(factor)" }
    var all = Array("down_proj".utf8)
    for factor in ["a", "b"] { all += try #require(try bytes(named("ffn_down_exps", factor))) }
    if let gate = try bytes(named("ffn_gate_exps", "b")), let up = try bytes(named("ffn_up_exps", "b")) {
      let a = try #require(try bytes(named("ffn_gate_exps", "a")))
      #expect(try bytes(named("ffn_up_exps", "a")) == a)
      let shape = try #require(file.tensor(named: named("ffn_gate_exps", "b"))).shape.dimensions
      let (rows, rowByteCount) = (shape[1], shape[2] * 4)
      all += Array("gate_up_proj".utf8) + a
      for expert in 0..<shape[0] {
        func row(_ source: [UInt8], _ index: Int) -> ArraySlice<UInt8> {
          let start = (expert * rows + index) * rowByteCount
          return source[start..<(start + rowByteCount)]
        }
        if isInterleaved {
          for index in 0..<rows { all += row(gate, index) + row(up, index) }
        } else {
          for source in [gate, up] { for index in 0..<rows { all += row(source, index) } }
        }
      }
    }
    return sha256(all)
  }

  @Test(arguments: models, versions) func everyVersionGivesTheSameFactors(_ model: String, _ version: String) throws {
    let json = try JSONDocument(path: testData("conversion/layouts/expected.json")).root
    let expected = try json[model].string()
    try withTemporaryDirectory { directory in
      let adapter = try AdapterDirectory(path: "\(folder(model))/\(version)")
      let plan = try ConversionPlan(adapter: adapter, base: base(model))
      _ = try plan.write(to: directory + "/out.gguf", replacesExisting: false)
      #expect(try digest(directory + "/out.gguf", isInterleaved: model.hasPrefix("gpt-oss")) == expected)
    }
  }

  /// One expert's linear layers, or two experts' parameters of the tiny Qwen 3 MoE.
  private func plan(_ change: (inout AdapterBuilder) -> Void) throws {
    var builder = AdapterBuilder()
    builder.set("alora_invocation_tokens", nil)
    builder.set("target_modules", "[\"down_proj\"]")
    builder.tensors = []
    change(&builder)
    try withTemporaryDirectory { directory in
      try builder.write(to: directory + "/adapter")
      _ = try ConversionPlan(adapter: AdapterDirectory(path: directory + "/adapter"), base: base("qwen3-moe"))
    }
  }

  private func add(_ module: String, a: [Int], b: [Int], to builder: inout AdapterBuilder) {
    for (factor, shape) in [("A", a), ("B", b)] {
      let values = AdapterBuilder.values(shape.reduce(1, *), seed: 3)
      builder.tensors.append(
        .init("base_model.model.model.layers.0.mlp.\(module).lora_\(factor).weight", shape, values))
    }
  }

  @Test func anotherNumberOfExpertsIsRefused() throws {
    let parameters = caught(AdapterError.self) {
      try plan {
        $0.set("target_modules", "[]")
        $0.set("target_parameters", "[\"experts.down_proj\"]")
        add("experts", a: [4 * 4, 24], b: [32, 4 * 4], to: &$0)
      }
    }
    #expect(
      parameters?.code == .wrongShape && parameters?.problem.contains("4 experts of rank 4; the base has 3") == true)
    let twice = caught(AdapterError.self) {
      try plan {
        $0.set("target_modules", "[]")
        $0.set("target_parameters", "[\"experts.down_proj\"]")
        add("experts", a: [6 * 4, 24], b: [32, 6 * 4], to: &$0)
      }
    }
    #expect(twice?.code == .wrongRank && twice?.problem.contains("3 experts") == true)
    let modules = caught(AdapterError.self) {
      try plan { for expert in 0..<4 { add("experts.\(expert).down_proj", a: [4, 24], b: [32, 4], to: &$0) } }
    }
    #expect(modules?.code == .unknownModule && modules?.problem.contains("expert 3, but the base") == true)
  }

  @Test func expertsOfAnActivatedAdapterAreRefused() throws {
    for isParameter in [true, false] {
      let error = caught(AdapterError.self) {
        try plan {
          $0.set("alora_invocation_tokens", "[5, 6]")
          if isParameter {
            $0.set("target_parameters", "[\"experts.down_proj\"]")
            add("experts", a: [3 * 4, 24], b: [32, 3 * 4], to: &$0)
          } else {
            add("experts.1.down_proj", a: [4, 24], b: [32, 4], to: &$0)
          }
        }
      }
      #expect(error?.code == .activeExperts, "parameter: \(isParameter)")
    }
  }

  /// Unsloth loads gpt-oss in 4 bits with a module for each slice of a parameter, and another one for the router.
  @Test func modulesOfSlicesGiveTheParametersFactors() throws {
    let (experts, rank) = (3, 2)
    let sizes = [("gate_up_proj", 32, 48, ".base_layer"), ("down_proj", 24, 32, "")]
    func write(_ path: String, isSliced: Bool) throws -> [String: [UInt8]] {
      var builder = AdapterBuilder()
      builder.set("alora_invocation_tokens", nil)
      builder.set("r", "\(rank)")
      builder.set("target_modules", isSliced ? #"".*_projs\\.\\d+|.*router.*""# : #"["router"]"#)
      builder.set("target_parameters", isSliced ? nil : #"["experts.gate_up_proj", "experts.down_proj"]"#)
      builder.tensors = []
      func add(_ module: String, _ factor: String, _ shape: [Int], _ values: [Float]) {
        builder.tensors.append(
          .init("base_model.model.model.layers.0.mlp.\(module).lora_\(factor).weight", shape, values))
      }
      for (name, inputs, outputs, wrapper) in sizes {
        let a = AdapterBuilder.values(experts * rank * inputs, seed: 7)
        let b = AdapterBuilder.values(outputs * rank * experts, seed: 8)
        if !isSliced {
          add("experts\(wrapper)", "A", [experts * rank, inputs], a)
          add("experts\(wrapper)", "B", [outputs, rank * experts], b)
        }
        for expert in 0..<(isSliced ? experts : 0) {
          add(
            "experts.\(name)s.\(expert)", "A", [rank, inputs],
            Array(a[(expert * rank * inputs)...].prefix(rank * inputs)))
          let own = (0..<(outputs * rank)).map { b[$0 * experts + expert] }
          add("experts.\(name)s.\(expert)", "B", [outputs, rank], own)
        }
      }
      add(isSliced ? "router.linear" : "router", "A", [rank, 32], AdapterBuilder.values(rank * 32, seed: 9))
      add(isSliced ? "router.linear" : "router", "B", [experts, rank], AdapterBuilder.values(experts * rank, seed: 10))
      try builder.write(to: path)
      let plan = try ConversionPlan(adapter: AdapterDirectory(path: path), base: base("gpt-oss"))
      _ = try plan.write(to: path + ".gguf", replacesExisting: false)
      let file = try GGUFFileSet(path: path + ".gguf")
      return try Dictionary(
        uniqueKeysWithValues: file.tensors.map { ("\($0.name) \($0.shape)", try file.readBytes(of: $0)) })
    }
    try withTemporaryDirectory { directory in
      let whole = try write(directory + "/whole", isSliced: false)
      #expect(whole.count == 8)
      #expect(try write(directory + "/sliced", isSliced: true) == whole)
    }
  }

  @Test func squareExpertsOfAnUnknownVersionAreRefused() throws {
    try withTemporaryDirectory { directory in
      let source = try folder("gpt-oss-square-alone") + "/0.21.2"
      var builder = AdapterBuilder()
      builder.weights = try readFile(source + "/adapter_model.safetensors")
      let json = try JSONDocument(path: source + "/adapter_config.json").root
      builder.configurationText =
        "{"
        + (try json.members().filter { $0.name != "peft_version" }.map { "\"\($0.name)\": \($0.value.serialized)" })
        .joined(separator: ", ") + "}"
      try builder.write(to: directory + "/adapter")
      let error = caught(AdapterError.self) {
        _ = try ConversionPlan(
          adapter: AdapterDirectory(path: directory + "/adapter"), base: base("gpt-oss-square-alone"))
      }
      #expect(error?.code == .ambiguousExperts)
    }
  }

  @Test func aTensorThatLlamaCppNeverAppliesIsRefused() throws {
    let base = try BaseModel(
      configuration: parseJSON(
        """
        {"architectures": ["DeepseekV3ForCausalLM"], "hidden_size": 32, "num_attention_heads": 2, "num_hidden_layers": 1,
         "vocab_size": 64, "q_lora_rank": 8, "kv_lora_rank": 8, "qk_rope_head_dim": 4, "qk_nope_head_dim": 4, "v_head_dim": 4,
         "intermediate_size": 48, "moe_intermediate_size": 16, "n_routed_experts": 4, "first_k_dense_replace": 1}
        """))
    var builder = AdapterBuilder()
    builder.set("alora_invocation_tokens", nil)
    builder.set("target_modules", "[\"q_a_proj\"]")
    builder.tensors = [
      .init(
        "base_model.model.model.layers.0.self_attn.q_a_proj.lora_A.weight", [4, 32], AdapterBuilder.values(128, seed: 1)
      ),
      .init(
        "base_model.model.model.layers.0.self_attn.q_a_proj.lora_B.weight", [8, 4], AdapterBuilder.values(32, seed: 2)),
    ]
    try withTemporaryDirectory { directory in
      try builder.write(to: directory + "/adapter")
      let error = caught(AdapterError.self) {
        _ = try ConversionPlan(adapter: AdapterDirectory(path: directory + "/adapter"), base: base)
      }
      #expect(error?.code == .neverApplied && error?.problem.contains("attn_q_a") == true)
    }
  }

  /// llama.cpp scales the base's part of these experts and then adds the adapter's part unscaled.
  @Test func expertsThatLlamaCppScalesAreRefused() throws {
    let base = try BaseModel(
      configuration: parseJSON(
        """
        {"architectures": ["Gemma4ForCausalLM"], "hidden_size": 32, "num_attention_heads": 2, "num_key_value_heads": 1,
         "head_dim": 16, "num_hidden_layers": 1, "vocab_size": 64, "intermediate_size": 48, "moe_intermediate_size": 16,
         "num_experts": 3, "top_k_experts": 2, "enable_moe_block": true, "layer_types": ["full_attention"]}
        """))
    var builder = AdapterBuilder()
    builder.set("alora_invocation_tokens", nil)
    builder.set("target_modules", "[]")
    builder.set("target_parameters", #"["experts.down_proj"]"#)
    builder.tensors = [
      .init("base_model.model.model.layers.0.experts.lora_A.weight", [12, 16], AdapterBuilder.values(192, seed: 1)),
      .init("base_model.model.model.layers.0.experts.lora_B.weight", [32, 12], AdapterBuilder.values(384, seed: 2)),
    ]
    try withTemporaryDirectory { directory in
      try builder.write(to: directory + "/adapter")
      let error = caught(AdapterError.self) {
        _ = try ConversionPlan(adapter: AdapterDirectory(path: directory + "/adapter"), base: base)
      }
      #expect(error?.code == .neverApplied && error?.problem.contains("scales") == true)
    }
  }
}
