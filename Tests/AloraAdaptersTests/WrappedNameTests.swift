import AloraAdapters
import AloraSystem
import AloraTestSupport
import Testing

/// Names that training frameworks wrap, and configurations that name an invocation.
@Suite struct WrappedNameTests {
  static let wrappers: [(name: String, wrap: @Sendable (String) -> String)] = [
    ("_orig_mod.", { "_orig_mod." + $0 }),
    ("_orig_mod.", { $0.replacing("base_model.model.", with: "base_model.model._orig_mod.") }),
    ("_orig_mod.", { $0.replacing(".self_attn", with: "._orig_mod.self_attn") }),
    ("module.", { "module." + $0 }),
    ("module.", { "module.module." + $0 }),
    ("module.", { $0.replacing("base_model.model.", with: "base_model.model.module.") }),
    ("module.", { $0.replacing(".self_attn", with: ".module.self_attn") }),
    ("_thunder_module.", { $0.replacing("base_model.model.", with: "base_model.model._thunder_module.") }),
    ("_fsdp_wrapped_module.", { $0.replacing(".layers.", with: "._fsdp_wrapped_module.layers.") }),
    ("_checkpoint_wrapped_module.", { $0.replacing(".self_attn", with: "._checkpoint_wrapped_module.self_attn") }),
    ("base_model.model.", { "base_model.model." + $0 }),
  ]

  @Test(arguments: wrappers.indices) func wrappersAreStrippedWithANote(_ index: Int) throws {
    let (name, wrap) = Self.wrappers[index]
    try withTemporaryDirectory { directory in
      var builder = AdapterBuilder()
      try builder.write(to: directory + "/plain")
      for index in builder.tensors.indices { builder.tensors[index].name = wrap(builder.tensors[index].name) }
      try builder.write(to: directory + "/wrapped")
      let plain = try AdapterDirectory(path: directory + "/plain")
      let wrapped = try AdapterDirectory(path: directory + "/wrapped")
      #expect(wrapped.obstacles.isEmpty)
      #expect(wrapped.pairs.map(\.module) == plain.pairs.map(\.module))
      #expect(plain.notes.isEmpty)
      let first = try #require(builder.tensors.first).name
      #expect(wrapped.notes == [.wrappedNames(wrapper: name, count: builder.tensors.count, first: first)])
    }
  }

  /// What a field about the invocation means can't be left open: without it the adapter is active everywhere.
  @Test(arguments: ["alora_invocation_text", "invocation_ids", "my_alora_offset"])
  func fieldsAboutTheInvocationAreNeverIgnored(_ name: String) throws {
    try withTemporaryDirectory { directory in
      var builder = AdapterBuilder()
      builder.set(name, "\"<|x|>\"")
      try builder.write(to: directory)
      let adapter = try AdapterDirectory(path: directory, ignoredFields: [name])
      let error = try #require(adapter.obstacles.first as? AdapterError)
      #expect(error.code == .unsupportedField && error.place == "$.\(name)")
      #expect(error.remedy?.description.contains("alora_invocation_tokens") == true)
    }
  }

  @Test func anInvocationAsTextNeedsItsTokens() throws {
    try withTemporaryDirectory { directory in
      var builder = AdapterBuilder()
      builder.set("alora_invocation_string", "\"<|x|>\"")
      try builder.write(to: directory)
      #expect(try AdapterDirectory(path: directory).obstacles.isEmpty)
      builder.set("alora_invocation_tokens", nil)
      try builder.write(to: directory)
      let error = try AdapterDirectory(path: directory).obstacles.first as? AdapterError
      #expect(error?.code == .invalidInvocation && error?.place == "$.alora_invocation_string")
    }
  }

  @Test(arguments: [true, false], [true, false])
  func aSwitchHasToAgreeWithTheTokens(_ isOn: Bool, _ hasTokens: Bool) throws {
    try withTemporaryDirectory { directory in
      var builder = AdapterBuilder()
      builder.set("use_alora", "\(isOn)")
      if !hasTokens { builder.set("alora_invocation_tokens", nil) }
      try builder.write(to: directory)
      let error = try AdapterDirectory(path: directory).obstacles.first as? AdapterError
      #expect((error == nil) == (isOn == hasTokens))
      #expect(error.map { $0.place == "$.use_alora" } ?? true)
    }
  }

  @Test(arguments: [
    ("org/name", "org/name"), ("/home/x/model", "/home/x/model"),
    ("/home/x/.cache/huggingface/hub/models--Qwen--Qwen3-8B/snapshots/9c92", "Qwen/Qwen3-8B"),
    ("models--gpt2", "gpt2"),
  ]) func aPathInTheHubsCacheNamesTheBase(_ path: String, _ name: String) throws {
    try withTemporaryDirectory { directory in
      var builder = AdapterBuilder()
      builder.set("base_model_name_or_path", "\"\(path)\"")
      try builder.write(to: directory)
      #expect(try AdapterDirectory(path: directory).configuration.baseModelName == name)
    }
  }

  /// An aLoRA can't be merged: a merged model is active everywhere.
  @Test(arguments: ["use_dora", "lora_bias"], [true, false])
  func onlyPlainAdaptersAreToBeMerged(_ field: String, _ isActivated: Bool) throws {
    try withTemporaryDirectory { directory in
      var builder = AdapterBuilder()
      builder.set(field, "true")
      if !isActivated { builder.set("alora_invocation_tokens", nil) }
      try builder.write(to: directory)
      let remedy = try AdapterDirectory(path: directory).obstacles.first?.remedy?.description
      #expect(remedy?.contains("merge the adapter into the base") == !isActivated)
    }
  }

  @Test(arguments: [
    ("LOHA", "save_as_lora"), ("LOKR", "save_as_lora"), ("PROMPT_TUNING", "train a LoRA"), ("IA3", "merge"),
  ]) func otherTypesHaveRemediesOfTheirOwn(_ type: String, _ mention: String) throws {
    try withTemporaryDirectory { directory in
      var builder = AdapterBuilder()
      builder.set("peft_type", "\"\(type)\"")
      try builder.write(to: directory)
      let adapter = try AdapterDirectory(path: directory)
      #expect(adapter.obstacles.count == 1)
      #expect(adapter.obstacles.first?.remedy?.description.contains(mention) == true)
    }
  }
}
