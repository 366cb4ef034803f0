import AloraAdapters
import AloraConversion
import AloraGGUF
import AloraSystem
import AloraTensors
import AloraTestSupport
import Testing

@Suite struct GGUFEditTests {
  private func convert(_ type: OutputType, to path: String, case name: String = "llama-alora") throws {
    _ = try ReferenceCase(name: name).plan(type).write(to: path, replacesExisting: false)
  }

  private func edit(
    _ path: String, _ type: OutputType? = nil, _ settings: [String] = [], to output: String
  ) throws -> GGUFFileSet {
    let edit = try GGUFEdit(
      GGUFAdapter(path: path), outputType: type, settings: settings.compactMap { GeneralKeySetting($0) })
    _ = try edit.write(to: output, replacesExisting: true)
    return try GGUFFileSet(path: output)
  }

  /// Another type gives the bytes that converting the PEFT adapter to that type gives.
  @Test(
    arguments: [OutputType.f16, .bf16, .q8_0],
    ["llama-alora", "llama-embed-tokens", "granite-moe-experts", "phi3-alora"])
  func requantizingEqualsConverting(_ type: OutputType, _ name: String) throws {
    try withTemporaryDirectory { directory in
      let (source, direct) = (directory + "/f32.gguf", directory + "/direct.gguf")
      try convert(.f32, to: source, case: name)
      try convert(type, to: direct, case: name)
      _ = try edit(source, type, to: directory + "/edited.gguf")
      #expect(try readFile(directory + "/edited.gguf") == readFile(direct))
    }
  }

  @Test func withoutAChangeTheBytesAreTheSame() throws {
    try withTemporaryDirectory { directory in
      for type in OutputType.allCases {
        let source = directory + "/\(type).gguf"
        try convert(type, to: source)
        _ = try edit(source, to: directory + "/copy.gguf")
        #expect(try readFile(source) == readFile(directory + "/copy.gguf"))
      }
    }
  }

  /// Keys keep their type and place; the tensors' bytes stay.
  @Test func keysAreSetInTheirTypeAndPlace() throws {
    try withTemporaryDirectory { directory in
      let source = directory + "/a.gguf"
      try convert(.f16, to: source)
      let before = try GGUFFileSet(path: source)
      let after = try edit(
        source, nil,
        [
          "general.name=Ünïcode = fine", "general.license=apache-2.0", "general.tags=[\"a\", \"b\"]",
          "general.base_model.count=1",
        ],
        to: directory + "/b.gguf")
      #expect(after.metadata["general.name"] == .string("Ünïcode = fine"))
      #expect(after.metadata["general.license"] == .string("apache-2.0"))
      #expect(after.metadata["general.tags"] == .array(GGUFArray(["a", "b"])))
      #expect(after.metadata["general.base_model.count"] == .uint32(1))
      #expect(after.metadata.keys.prefix(before.metadata.count).elementsEqual(before.metadata.keys))
      for tensor in before.tensors {
        let twin = try #require(after.tensor(named: tensor.name))
        #expect(twin.dtype == tensor.dtype)
        #expect(try after.readBytes(of: twin) == before.readBytes(of: tensor))
      }
      let removed = try edit(directory + "/b.gguf", nil, ["general.license="], to: directory + "/c.gguf")
      #expect(removed.metadata["general.license"] == nil)
    }
  }

  @Test(arguments: [
    "adapter.lora.alpha=3", "adapter.alora.invocation_tokens=[1]", "general.architecture=qwen2", "general.type=model",
    "general.alignment=64", "general.file_type=7", "general.quantization_version=1", "general.=x",
    "llama.block_count=3",
    "general.unknown=x", "general.base_model.count=-1", "general.base_model.0.secret=x", "general.base_model.x.name=y",
    "general.tags=a,b", "general.tags=[1]", "general.tags={}",
  ]) func whatChangesTheWeightsMeaningOrHasNoKnownTypeIsRefused(_ text: String) throws {
    try withTemporaryDirectory { directory in
      let source = directory + "/a.gguf"
      try convert(.f32, to: source)
      let error = caught(ConversionError.self) {
        _ = try edit(source, nil, [text], to: directory + "/b.gguf")
      }
      #expect(error?.code == .invalidKey)
      #expect(error?.place == "key \(text.prefix { $0 != "=" })")
    }
  }

  /// Every value of every type that a file may have under a key is read back as that type, or refused.
  @Test func valuesAreParsedByTheKeysType() throws {
    let cases: [(GGUFValue, String, GGUFValue?)] = [
      (.uint8(1), "255", .uint8(255)), (.uint8(1), "256", nil), (.int8(1), "-128", .int8(-128)), (.int8(1), "x", nil),
      (.uint16(1), "65536", nil), (.int32(1), "-7", .int32(-7)), (.uint64(1), "18446744073709551615", .uint64(.max)),
      (.int64(1), "9223372036854775808", nil), (.float32(1), "0.5", .float32(0.5)), (.float32(1), "nan", nil),
      (.float64(1), "1e400", nil), (.bool(true), "false", .bool(false)), (.bool(true), "0", nil),
      (.array(GGUFArray([UInt32(1)])), "[1, 2]", .array(GGUFArray([UInt32(1), 2]))),
      (.array(GGUFArray([UInt32(1)])), "[-1]", nil), (.array(GGUFArray([true])), "[false]", .array(GGUFArray([false]))),
    ]
    for (old, text, expected) in cases {
      try withTemporaryDirectory { directory in
        let source = directory + "/a.gguf"
        try convert(.f32, to: source)
        try rewriteGGUF(source, to: directory + "/odd.gguf", key: "general.odd", value: old)
        let found = try? edit(directory + "/odd.gguf", nil, ["general.odd=\(text)"], to: directory + "/b.gguf")
        #expect(found?.metadata["general.odd"] == expected, "\(old.typeName) \(text)")
      }
    }
  }

  @Test func theAdapterIsNotReplacedAndNothingPartialIsLeft() throws {
    try withTemporaryDirectory { directory in
      let source = directory + "/a.gguf"
      try convert(.f32, to: source)
      let before = try readFile(source)
      let error = caught(ConversionError.self) { _ = try edit(source, .f16, to: source) }
      #expect(error?.code == .outputIsInput)
      #expect(try readFile(source) == before)
    }
  }
}
