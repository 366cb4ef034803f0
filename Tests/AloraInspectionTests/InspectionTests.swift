import AloraSystem
import AloraGGUF
import AloraInspection
import AloraTensors
import AloraTestSupport
import Testing

@Suite struct InspectionTests {
  /// Twenty million invocation tokens became gigabytes of JSON.
  @Test func anInvocationOfMillionsIsRefused() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/a.gguf"
      try writeFile(adapter(invocation: [UInt32](repeating: 1, count: 70_000)), to: path)
      let error = caught(GGUFError.self) { _ = try Subject(path: path).adapter() }
      #expect(error?.code == .valueOutOfRange)
      #expect(error?.place?.contains("adapter.alora.invocation_tokens") == true)
      try writeFile(adapter(invocation: [1, 2]), to: path)
      #expect(try Subject(path: path).adapter()?.invocationTokens == [1, 2])
    }
  }

  /// A GGUF of metadata alone.
  private func adapter(invocation: [UInt32]) -> [UInt8] {
    var file = ByteBuilder()
    file.append("GGUF")
    file.append(UInt32(3))
    file.append(Int64(0))
    file.append(Int64(4))
    func string(_ text: String) {
      file.append(UInt64(text.utf8.count))
      file.append(text)
    }
    for (key, value) in [("general.type", "adapter"), ("adapter.type", "lora"), ("general.architecture", "llama")] {
      string(key)
      file.append(UInt32(8))
      string(value)
    }
    string("adapter.alora.invocation_tokens")
    for field in [9, 4] as [UInt32] { file.append(field) }
    file.append(UInt64(invocation.count))
    for token in invocation { file.append(token) }
    file.pad(to: 32)
    return file.bytes
  }

  /// Converts a fixture with the built command, for its base's directory unless another base is given.
  private func convert(_ name: String, base: String? = nil, _ output: String, type: String = "f32") throws {
    let result = try runAlora([
      "convert", try testData("inference/\(name)/adapter"), "--base",
      try base ?? testData("inference/\(name)/base"), "--outfile", output, "--outtype", type, "--force",
    ])
    #expect(result.status == 0, "\(name): \(result.errors)")
  }

  @Test(arguments: [
    "gemma3-six-layers", "granite-moe", "granite-moe-hybrid", "granite-untied", "llama-llama3-sharded", "phi3-longrope",
    "qwen2",
  ]) func aBaseGGUFGivesTheBytesThatItsDirectoryGives(_ name: String) throws {
    try withTemporaryDirectory { directory in
      try convert(name, directory + "/a.gguf")
      try writeFile(baseGGUF(name), to: directory + "/base.gguf")
      try convert(name, base: directory + "/base.gguf", directory + "/b.gguf")
      #expect(try readFile(directory + "/a.gguf") == readFile(directory + "/b.gguf"))
    }
  }

  @Test(arguments: ["llama", "llama-lora", "qwen3", "gemma2", "mistral-window"])
  func anAdapterAndItsGGUFSayTheSame(_ name: String) throws {
    try withTemporaryDirectory { directory in
      let output = directory + "/a.gguf"
      try convert(name, output)
      let source = try #require(try Subject(path: testData("inference/\(name)/adapter")).adapter())
      let result = try #require(try Subject(path: output).adapter())
      #expect(result.invocationTokens == source.invocationTokens)
      #expect(result.moduleCount == source.moduleCount && result.parameterCount == source.parameterCount)
      func sorted(_ groups: [AdapterSummary.Group]) -> [[Int]] {
        groups.map { $0.layers + $0.ranks }.sorted { "\($0)" < "\($1)" }
      }
      #expect(sorted(result.groups) == sorted(source.groups))
    }
  }

  @Test func differencesAreNamed() throws {
    try withTemporaryDirectory { directory in
      let (one, other) = (directory + "/a.gguf", directory + "/b.gguf")
      try convert("llama", one)
      try convert("llama", other)
      #expect(try Difference(Subject(path: one), Subject(path: other)).isEmpty)
      var bytes = try readFile(other)
      let file = try GGUFFile(path: other)
      let tensor = try #require(file.tensors.last)
      bytes[tensor.byteRange.lowerBound + 3] ^= 0x80  // the sign of the first element
      try writeFile(bytes, to: other)
      let entries = try Difference(Subject(path: one), Subject(path: other)).entries
      #expect(entries.map(\.name) == [tensor.name] && entries.first?.kind == .values)
      #expect(try #require(entries.first?.largestDelta) > 0)
      try convert("llama", other, type: "q8_0")
      let narrowed = try Difference(Subject(path: one), Subject(path: other))
      #expect(narrowed.entries.contains { $0.kind == .type && $0.largestDelta.map { $0 > 0 && $0 < 0.1 } ?? false })
      try convert("llama-bias", other)
      #expect(try !Difference(Subject(path: one), Subject(path: other)).isEmpty)
    }
  }

  /// Two archives without a tensor had no difference.
  @Test func whatIsNotComparedIsNoEqual() throws {
    let weights = try Subject(path: testData("inference/llama/base"))
    #expect(try Difference(weights, weights).isEmpty)
    for name in ["inference/llama/golden.npz", "conversion/bases/llama"] {
      let subject = try Subject(path: testData(name))
      let error = caught(InspectionError.self) { _ = try Difference(weights, subject) }
      #expect(error?.path?.hasSuffix(name) == true)
      #expect(caught(InspectionError.self) { _ = try Difference(subject, subject) } != nil)
    }
  }

  @Test func aZerosSignIsADifference() throws {
    try withTemporaryDirectory { directory in
      var builder = AdapterBuilder()
      for (name, zero) in [("a", Float(0)), ("b", -0.0)] {
        builder.tensors[1] = .init(
          builder.tensors[1].name, builder.tensors[1].shape, [Float](repeating: zero, count: 256))
        try builder.write(to: directory + "/" + name)
      }
      let entries = try Difference(Subject(path: directory + "/a"), Subject(path: directory + "/b")).entries
      #expect(entries.map(\.largestDelta) == [0])
    }
  }

  /// Figures on packed weights are those of the reference package's dequantized values.
  @Test(
    arguments: [
      "Q4_0", "Q4_1", "Q5_K", "Q6_K", "Q8_0", "IQ4_XS", "IQ1_S", "IQ1_M", "IQ2_XXS", "IQ2_XS", "IQ2_S", "IQ3_XXS",
      "IQ3_S", "TQ1_0", "TQ2_0", "NVFP4",
    ]) func packedWeightsAreWidened(_ type: String) throws
  {
    let packed = try readFile(testData("gguf/dequant/\(type).bin"))
    let expected = try readFile(testData("gguf/dequant/\(type).f32")).chunked(4).map { bytes in
      Float(bitPattern: bytes.reversed().reduce(0) { $0 << 8 | UInt32($1) })
    }
    try withTemporaryDirectory { directory in
      let path = directory + "/x.gguf"
      let writer = try GGUFBytes(name: "w", type: type, columnCount: expected.count, data: packed)
      try writeFile(writer.bytes, to: path)
      let subject = try Subject(path: path)
      let statistics = try #require(try TensorValues(subject).statistics(of: subject.tensors[0]))
      #expect(statistics.minimum == Double(expected.min() ?? 0) && statistics.maximum == Double(expected.max() ?? 0))
      #expect(statistics.head == expected.prefix(4).map(Double.init))
    }
  }
}

/// A GGUF with one tensor, byte by byte.
private struct GGUFBytes {
  let bytes: [UInt8]

  init(name: String, type: String, columnCount: Int, data: [UInt8]) throws {
    let dtype = try #require(DType.allCases.first { $0.name == type })
    var builder = ByteBuilder()
    builder.append("GGUF")
    builder.append(UInt32(3))
    builder.append(UInt64(1))
    builder.append(UInt64(0))
    builder.append(UInt64(name.utf8.count))
    builder.append(name)
    builder.append(UInt32(1))
    builder.append(UInt64(columnCount))
    builder.append(try #require(dtype.ggmlTypeID))
    builder.append(UInt64(0))
    builder.pad(to: 32)
    builder.append(data)
    bytes = builder.bytes
  }
}

extension [UInt8] {
  fileprivate func chunked(_ count: Int) -> [ArraySlice<UInt8>] {
    stride(from: 0, to: self.count, by: count).map { self[$0..<Swift.min($0 + count, self.count)] }
  }
}
