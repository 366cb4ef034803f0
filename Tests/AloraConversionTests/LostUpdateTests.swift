import AloraSystem
import AloraAdapters
import AloraConversion
import AloraJSON
import AloraModels
import AloraSystem
import AloraTestSupport
import Foundation
import Testing

/// Adapters with few or no usable tensors, in shards, or for one of several bases.
@Suite struct LostUpdateTests {
  private func base(_ name: String = "llama") throws -> BaseModel {
    try BaseModel(configuration: JSONDocument(path: testData("conversion/bases/\(name)/config.json")).root)
  }

  /// Converts an adapter whose B factors are multiplied by `factor`.
  private func summary(_ factor: Float, _ type: OutputType) throws -> ConversionSummary {
    try withTemporaryDirectory { directory in
      var builder = AdapterBuilder()
      for index in builder.tensors.indices where builder.tensors[index].name.contains("lora_B") {
        let values = AdapterBuilder.values(256, seed: 1).map { $0 * factor }
        builder.tensors[index] = .init(builder.tensors[index].name, builder.tensors[index].shape, values)
      }
      try builder.write(to: directory + "/adapter")
      var options = ConversionPlan.Options()
      options.outputType = type
      let plan = try ConversionPlan(
        adapter: AdapterDirectory(path: directory + "/adapter"), base: base(), options: options)
      return try plan.write(to: directory + "/out.gguf", replacesExisting: false)
    }
  }

  @Test func whatATypeRoundsToZeroIsCounted() throws {
    #expect(try summary(1, .f16).flushedElementCount == 0)
    #expect(try summary(1e-7, .f32).flushedElementCount == 0)
    let half = try summary(1e-7, .f16)
    // f16 rounds magnitudes up to 2⁻²⁵ to 0.
    let values = AdapterBuilder.values(256, seed: 1).map { $0 * 1e-7 }
    #expect(half.flushedElementCount == 4 * values.count { $0 != 0 && abs($0) <= 0x1p-25 })
    #expect(half.flushedElementCount > 0 && half.idleUpdateCount == 0)
    #expect(try summary(1e-7, .bf16).flushedElementCount == 0)
  }

  @Test(arguments: [OutputType.f16, .q8_0]) func anAdapterOfWhichNothingIsLeftIsRefused(_ type: OutputType) throws {
    let error = caught(ConversionError.self) { _ = try summary(1e-12, type) }
    #expect(error?.code == .noEffect)
  }

  /// It was nothing before: that is a note, not a refusal.
  @Test(arguments: OutputType.allCases) func zerosStayZeros(_ type: OutputType) throws {
    let summary = try summary(0, type)
    #expect(summary.idleUpdateCount == 4 && summary.updateCount == 4 && summary.flushedElementCount == 0)
  }

  @Test func shardsGiveTheBytesOfTheWholeFile() throws {
    try withTemporaryDirectory { directory in
      let builder = AdapterBuilder()
      try builder.write(to: directory + "/adapter")
      try builder.write(to: directory + "/shards/adapter")
      let folder = directory + "/shards/adapter/"
      try FileManager.default.removeItem(atPath: folder + "adapter_model.safetensors")
      var map: [String] = []
      for shard in 0..<2 {
        var part = builder
        part.tensors = Array(builder.tensors[(4 * shard)..<(4 * shard + 4)])
        let name = "adapter_model-0000\(shard + 1)-of-00002.safetensors"
        try writeFile(part.safetensors(), to: folder + name)
        map += part.tensors.map { "\"\($0.name)\": \"\(name)\"" }
      }
      let index = "{\"weight_map\": {\(map.joined(separator: ", "))}}"
      try writeFile(Array(index.utf8), to: folder + "adapter_model.safetensors.index.json")
      for (path, output) in [("/adapter", "/a.gguf"), ("/shards/adapter", "/b.gguf")] {
        let plan = try ConversionPlan(adapter: AdapterDirectory(path: directory + path), base: base())
        _ = try plan.write(to: directory + output, replacesExisting: false)
      }
      #expect(try readFile(directory + "/a.gguf") == readFile(directory + "/b.gguf"))
    }
  }

  @Test func anAdapterGoesToTheBaseThatItNames() throws {
    let llama = try base()
    let choice = BaseChoice(
      ["models/Llama-3.2-1B", "models/Granite-3.3-2B", "cache/models--org--Other-7B/snapshots/ab"]
        .map { BaseChoice.Candidate(path: $0, model: llama) })
    try withTemporaryDirectory { directory in
      func index(_ name: String?) throws -> Int {
        var builder = AdapterBuilder()
        if let name { builder.set("base_model_name_or_path", "\"\(name)\"") }
        try builder.write(to: directory)
        return try choice.choice(for: AdapterDirectory(path: directory), options: .init()).index
      }
      let found = try ["meta-llama/Llama-3.2-1B", "ibm-granite/granite-3.3-2b", "org/Other-7B"].map(index)
      #expect(found == [0, 1, 2])
      // The folder's folder, and a file's name with its type.
      let others = BaseChoice(
        ["a/Llama-3.2-1B/base", "b/Granite-3.3-2B-Q4_K_M.gguf", "c/SmolLM2.BF16.gguf", "d/x.gguf"]
          .map { BaseChoice.Candidate(path: $0, model: llama) })
      for (index, name) in ["meta-llama/Llama-3.2-1B", "ibm-granite/granite-3.3-2b", "h/SmolLM2"].enumerated() {
        var builder = AdapterBuilder()
        builder.set("base_model_name_or_path", "\"\(name)\"")
        try builder.write(to: directory)
        let found = try others.choice(for: AdapterDirectory(path: directory), options: .init())
        #expect(found.index == index && !found.isByFit)
      }
      // All three fit, and none is named.
      for name in [nil, "org/Unknown"] {
        let error = caught(AdapterError.self) { _ = try index(name) }
        #expect(error?.code == .wrongBase && error?.place == "$.base_model_name_or_path")
      }
    }
  }

  /// If only a wrapper keeps a name from the base, another base wouldn't help, and none is advised.
  @Test(arguments: [
    ("actor.base_model.model.", "actor.base_model.model.", ""),
    ("base_model.model.model.layers.", "_flat_param.", "_flat_param."),
    ("base_model.model.", "policy.net.", "policy.net."),
  ]) func anUnknownWrapperIsNamedBeforeTheBaseIsBlamed(_ prefix: String, _ wrapper: String, _ inserted: String) throws {
    try withTemporaryDirectory { directory in
      var builder = AdapterBuilder()
      let replaced = inserted.isEmpty ? "base_model.model." : prefix
      for index in builder.tensors.indices {
        builder.tensors[index].name = builder.tensors[index].name.replacing(replaced, with: prefix + inserted)
      }
      try builder.write(to: directory)
      let adapter = try AdapterDirectory(path: directory)
      let error = caught(AdapterError.self) { _ = try BoundAdapter(adapter, base: base()) }
      #expect(error?.code == .unknownModule && error?.problem.contains("without '\(wrapper)'") == true)
      #expect(error?.remedy?.description.contains("'\(wrapper)'") == true)
    }
  }

  @Test func factorsOfATowerAreNamedAndLeftOutOnDemand() throws {
    try withTemporaryDirectory { directory in
      var builder = AdapterBuilder()
      let name = "base_model.model.model.vision_tower.encoder.layers.0.self_attn.q_proj"
      builder.tensors.append(.init("\(name).lora_A.weight", [4, 64], AdapterBuilder.values(256, seed: 3)))
      builder.tensors.append(.init("\(name).lora_B.weight", [64, 4], AdapterBuilder.values(256, seed: 4)))
      try builder.write(to: directory)
      let adapter = try AdapterDirectory(path: directory)
      let error = caught(AdapterError.self) { _ = try BoundAdapter(adapter, base: base()) }
      #expect(error?.code == .unknownModule && error?.problem.contains("vision tower") == true)
      var options = BoundAdapter.Options()
      options.leavesOutTowers = true
      let bound = try BoundAdapter(adapter, base: base(), options: options)
      #expect(
        bound.members.count == 4
          && bound.notes == [.towersLeftOut(count: 1, first: String(name.dropFirst("base_model.model.".count)))])
    }
  }
}
