import AloraSystem
import AloraGGUF
import AloraInspection
import AloraModels
import AloraTensors
import AloraTestSupport
import Foundation
import Testing

/// Reading never depends on convertibility.
@Suite struct LenientReadingTests {
  static let changes: [(String, @Sendable (inout AdapterBuilder) -> Void)] = [
    ("DoRA", { $0.set("use_dora", "true") }),
    ("saved modules", { $0.set("modules_to_save", "[\"lm_head\"]") }),
    ("PiSSA", { $0.set("init_lora_weights", "\"pissa\"") }),
    (
      "prompt tuning",
      { builder in
        builder.set("peft_type", "\"PROMPT_TUNING\"")
        builder.tensors = [.init("prompt_embeddings", [8, 64], AdapterBuilder.values(512, seed: 1))]
      }
    ),
    (
      "a saved embedding",
      { builder in
        builder.tensors.append(.init("base_model.model.lm_head.weight", [2, 64], AdapterBuilder.values(128, seed: 1)))
      }
    ),
    ("a wrong value", { $0.set("r", "\"four\"") }),
    ("a lonely factor", { $0.tensors.remove(at: 0) }),
    ("no weights", { $0.weightsName = "adapter_model.bin" }),
  ]

  @Test(arguments: changes.indices) func whatCantBeConvertedIsShown(_ index: Int) throws {
    let (name, change) = Self.changes[index]
    try withTemporaryDirectory { directory in
      var builder = AdapterBuilder()
      change(&builder)
      try builder.write(to: directory)
      let subject = try Subject(path: directory)
      let adapter = try #require(try subject.adapter())
      #expect(adapter.notes.contains { if case .notConvertible = $0 { true } else { false } }, "\(name)")
      let count = name == "no weights" ? 0 : builder.tensors.count
      #expect(subject.tensors.count == count)
      #expect(try Difference(subject, subject).isEmpty)
    }
  }

  @Test func aModelOfAnUnknownArchitectureIsShown() throws {
    try withTemporaryDirectory { directory in
      let text = #"{"architectures": ["UnheardOfForCausalLM"], "model_type": "unheard_of"}"#
      try writeFile(Array(text.utf8), to: directory + "/config.json")
      let subject = try Subject(path: directory)
      guard case .baseDirectory(let base) = subject else { throw Unexpected() }
      #expect(base.model == nil && base.architectureName == "UnheardOfForCausalLM" && subject.notes.count == 1)
    }
  }

  /// ggml doesn't know the sizes of ik_llama.cpp's types.
  @Test(arguments: [UInt32(138), 200, 4]) func tensorsOfUnknownTypesAreListed(_ type: UInt32) throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/a.gguf"
      var file = ByteBuilder()
      file.append("GGUF")
      file.append(UInt32(3))
      file.append(UInt64(2))
      file.append(UInt64(0))
      for (name, number, offset) in [("a", type, UInt64(0)), ("b", 0, 96)] {
        file.append(UInt64(name.utf8.count))
        file.append(name)
        file.append(UInt32(1))
        file.append(UInt64(256))
        file.append(number)
        file.append(offset)
      }
      file.pad(to: 32)
      file.append([UInt8](repeating: 1, count: 96 + 1024))
      try writeFile(file.bytes, to: path)
      guard case .gguf(let set) = try Subject(path: path) else { throw Unexpected() }
      let foreign = try #require(set.foreignTensors.first)
      #expect(foreign.typeNumber == type && foreign.byteRange.count == 96 && foreign.shape.dimensions == [256])
      #expect(set.tensors.map(\.name) == ["b"])
      #expect(caught(GGUFError.self) { _ = try GGUFFile(path: path) }?.code == .invalidTensorType)
    }
  }

  @Test func aPartOfASplitIsShownByItself() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/m-00002-of-00003.gguf"
      var metadata = GGUFMetadata()
      metadata["split.no"] = .uint16(1)
      metadata["split.count"] = .uint16(3)
      let shape = try #require(Shape([4]))
      let layout = try GGUFLayout(metadata: metadata, tensors: [.init(name: "x", dtype: .f32, shape: shape)])
      let writer = try GGUFWriter(path: path, replacesExisting: false, layout: layout)
      let bytes = [UInt8](repeating: 0, count: 16)
      try writer.write(bytes.span.bytes, of: "x")
      try writer.finish()
      let subject = try Subject(path: path)
      #expect(subject.tensors.map(\.name) == ["x"])
      #expect(subject.notes == [.partOfSplit(number: 2, count: 3)])
    }
  }

  @Test func zeroFactorsAreNoted() throws {
    try withTemporaryDirectory { directory in
      var builder = AdapterBuilder()
      for index in builder.tensors.indices where index % 2 == 1 {
        builder.tensors[index] = .init(
          builder.tensors[index].name, builder.tensors[index].shape, [Float](repeating: 0, count: 256))
      }
      try builder.write(to: directory)
      let notes = try #require(try Subject(path: directory).adapter()).notes
      #expect(notes.contains(.idleModules(count: 4, total: 4)))
    }
  }

  /// One element counts, wherever it is.
  @Test(arguments: [0, 255, 256, 300, 511]) func oneElementIsNoZeroFactor(_ place: Int) throws {
    try withTemporaryDirectory { directory in
      var builder = AdapterBuilder()
      for index in builder.tensors.indices where index % 2 == 1 {
        var values = [Float](repeating: 0, count: 512)
        if index == 1 { values[place] = 1 }
        builder.tensors[index] = .init(builder.tensors[index].name, [128, 4], values)
      }
      try builder.write(to: directory)
      let notes = try #require(try Subject(path: directory).adapter()).notes
      #expect(notes.contains(.idleModules(count: 3, total: 4)))
    }
  }

  /// By module, a PEFT directory and its GGUF are the same, and a changed element is found.
  @Test(arguments: [
    "llama", "qwen3", "phi3", "llama-embedding", "qwen3-moe-experts", "mixtral-experts", "gpt-oss-experts",
    "granite-moe-hybrid-experts", "olmoe-experts",
  ])
  func anAdapterAndItsGGUFAreCompared(_ name: String) throws {
    try withTemporaryDirectory { directory in
      let (adapter, output) = (try testData("inference/\(name)/adapter"), directory + "/a.gguf")
      let basePath = try testData("inference/\(name)/base")
      #expect(try runAlora(["convert", adapter, "--base", basePath, "--outfile", output]).status == 0)
      let base = try ModelSource(path: basePath)
      let difference = try Difference(Subject(path: adapter), Subject(path: output), base: base)
      #expect(difference.isEmpty && difference.comparedTensorCount > 0, "\(difference.entries)")
      #expect(caught(InspectionError.self) { _ = try Difference(Subject(path: adapter), Subject(path: output)) } != nil)
      var bytes = try readFile(output)
      let tensor = try #require(try GGUFFile(path: output).tensors.last)
      bytes[tensor.byteRange.lowerBound + 3] ^= 0x80
      try writeFile(bytes, to: output)
      let changed = try Difference(Subject(path: adapter), Subject(path: output), base: base)
      #expect(changed.entries.map(\.name) == [tensor.name])
    }
  }

  private struct Unexpected: Error {}
}
