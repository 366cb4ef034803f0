import AloraSystem
import AloraJSON
import AloraAdapters
import AloraTestSupport
import Testing

private func configuration(_ fields: String, ignoring: Set<String> = []) throws -> AdapterConfiguration {
  let head = fields.contains("peft_type") ? "{" : #"{"peft_type": "LORA", "#
  return try AdapterConfiguration(json: parseJSON(head + fields + "}"), ignoredFields: ignoring)
}

@Suite struct AdapterConfigurationTests {
  @Test func theRealAdapterIsRead() throws {
    let path = try testData("adapters/answerability/adapter-bf16/adapter_config.json")
    let found = try AdapterConfiguration(json: JSONDocument(path: path).root)
    #expect(found.rank == 16 && found.alpha == 32)
    #expect(found.invocationTokens == [1, 11247, 1307, 5])
    #expect(found.baseModelName == "HuggingFaceTB/SmolLM2-135M-Instruct")
    #expect(found.targets == .names(["down_proj", "gate_proj", "k_proj", "o_proj", "q_proj", "up_proj", "v_proj"]))
    #expect(found.notes.isEmpty && found.isActivated && !found.isRankStabilized)
  }

  @Test func missingRankAndAlphaMeanPEFTsDefaults() throws {
    let found = try configuration(#""task_type": null"#)
    #expect(found.rank == 8 && found.alpha == 8 && !found.isActivated)
  }

  @Test(arguments: [
    (#""peft_type": "IA3""#, "$.peft_type"), (#""peft_type": "ADALORA""#, "$.peft_type"),
    (#""peft_type": null"#, "$.peft_type"),
    (#""r": 0"#, "$.r"), (#""r": -4"#, "$.r"), (#""r": 8.5"#, "$.r"), (#""r": "16""#, "$.r"),
    (#""r": 99999999999"#, "$.r"),
    (#""lora_alpha": "32""#, "$.lora_alpha"), (#""lora_alpha": 1e999"#, "$.lora_alpha"),
    (#""use_rslora": 1"#, "$.use_rslora"),
    (#""rank_pattern": {"q_proj": 0}"#, "$.rank_pattern.q_proj"), (#""rank_pattern": ["q_proj"]"#, "$.rank_pattern"),
    (#""alpha_pattern": {"q_proj": null}"#, "$.alpha_pattern.q_proj"), (#""target_modules": 3"#, "$.target_modules"),
    (#""target_modules": [1]"#, "$.target_modules[0]"), (#""layers_to_transform": [-1]"#, "$.layers_to_transform[0]"),
    (#""target_modules": ".*q", "layers_to_transform": [1]"#, "$.layers_to_transform"), (#""bias": "some""#, "$.bias"),
    (#""use_dora": true"#, "$.use_dora"), (#""lora_bias": true"#, "$.lora_bias"),
    (#""modules_to_save": ["lm_head"]"#, "$.modules_to_save"),
    (#""trainable_token_indices": [5]"#, "$.trainable_token_indices"),
    (#""trainable_token_indices": {"embed_tokens": [5]}"#, "$.trainable_token_indices"),
    (#""layer_replication": [[0, 4], [2, 5]]"#, "$.layer_replication"), (#""use_qalora": true"#, "$.use_qalora"),
    (#""use_bdlora": {"nblocks": 2}"#, "$.use_bdlora"), (#""arrow_config": {"top_k": 3}"#, "$.arrow_config"),
    (#""kasa_config": {"beta": 1e-4}"#, "$.kasa_config"), (#""monteclora_config": {"x": 1}"#, "$.monteclora_config"),
    (#""megatron_config": {"x": 1}"#, "$.megatron_config"),
    (#""init_lora_weights": "pissa_niter_4""#, "$.init_lora_weights"),
    (#""init_lora_weights": "olora""#, "$.init_lora_weights"),
    (#""init_lora_weights": "lora_ga""#, "$.init_lora_weights"),
    (#""init_lora_weights": "loftq""#, "$.init_lora_weights"),
    (#""init_lora_weights": "novel""#, "$.init_lora_weights"),
    (#""brand_new_field": 2"#, "$.brand_new_field"), (#""alora_invocation_tokens": []"#, "$.alora_invocation_tokens"),
    (#""alora_invocation_tokens": [1, -2]"#, "$.alora_invocation_tokens[1]"),
    (#""alora_invocation_tokens": [1.5]"#, "$.alora_invocation_tokens[0]"),
    (#""alora_invocation_tokens": ["a"]"#, "$.alora_invocation_tokens[0]"),
    (#""alora_invocation_tokens": [4294967296]"#, "$.alora_invocation_tokens[0]"),
    (#""alora_invocation_tokens": "text""#, "$.alora_invocation_tokens"),
    (#""invocation_string": """#, "$.invocation_string"),
    (#""invocation_string": 5"#, "$.invocation_string"),
  ]) func whatCannotBeHonouredIsRefusedAtItsPlace(_ fields: String, _ place: String) throws {
    do {
      _ = try configuration(fields)
      Issue.record("accepted \(fields)")
    } catch let error as any DiagnosedError {
      #expect(error.place == place)
      #expect(error.category == .refusedInput)
      #expect(!error.problem.isEmpty)
    }
  }

  /// They set the factors only, and those of the file replace them.
  @Test(arguments: ["mica", "eva", "orthogonal", "gaussian"])
  func initializationsThatLeaveTheBaseAreAccepted(_ name: String) throws {
    #expect(try configuration(#""init_lora_weights": "\#(name)""#).notes.isEmpty)
  }

  /// PEFT asks whether the list is there and not empty.
  @Test func anEmptyInvocationIsNoNeverActiveOne() throws {
    let error = caught(AdapterError.self) { _ = try configuration(#""alora_invocation_tokens": []"#) }
    #expect(error?.code == .invalidInvocation && error?.problem.contains("active everywhere") == true)
    #expect(error?.remedy?.description.contains("null if a plain LoRA is meant") == true)
  }

  @Test func unknownFieldsThatAreOffAreOnlyNoted() throws {
    let found = try configuration(#""new_a": null, "new_b": false, "new_c": {}, "new_d": []"#)
    #expect(found.notes == ["$.new_a", "$.new_b", "$.new_c", "$.new_d"].map { .unknownFieldIsOff(field: $0) })
    #expect(
      try configuration(#""new_a": 7"#, ignoring: ["new_a"]).notes == [.unknownFieldIgnored(field: "$.new_a")])
  }

  @Test func fieldsWithoutABearingOnTheWeightsAreAccepted() throws {
    let found = try configuration(
      #""lora_dropout": 0.1, "inference_mode": false, "init_lora_weights": "gaussian", "fan_in_fan_out": true, "bias": "all","#
        + #""loftq_config": {"loftq_bits": 4}, "megatron_core": "megatron.core", "layers_to_transform": 3"#)
    #expect(found.layers == [3] && found.trainsBiases && found.notes == [.fanInFanOutIsOff(field: "$.fan_in_fan_out")])
  }
}
