import AloraGGUF
import AloraMerge
import AloraModels
import AloraSystem
import AloraTensors
import AloraTestSupport
import Testing

/// Merging into a quantized GGUF: what changes is quantized again as ggml does, and what doesn't keeps its bytes.
@Suite struct QuantizedMergeTests {
  static let types: [DType] = [
    .q8_0, .q4_0, .q4_1, .q5_0, .q5_1, .q2K, .q3K, .q4K, .q5K, .q6K, .iq4NL, .iq4XS, .tq1_0, .tq2_0, .mxfp4,
  ]

  private func merge(
    _ base: String, _ adapter: String, to path: String, type: DType? = nil, division: WorkDivision = .none
  ) throws -> GGUFFileSet {
    _ = try MergePlan(model: ModelSource(path: base), adapterPath: adapter, outputType: type)
      .writeGGUF(to: path, replacesExisting: false, division: division)
    return try GGUFFileSet(path: path)
  }

  @Test(arguments: types) func changedRowsAreTheSumQuantizedAndOthersKeepTheirBytes(_ type: DType) throws {
    try withTemporaryDirectory { directory in
      let (base, adapter) = (directory + "/base.gguf", directory + "/adapter")
      try WideFixture.writeBase(to: base) { _ in type }
      // Every third row, and not all modules.
      try WideFixture.writeAdapter(to: adapter) { module, row in module != "mlp.up_proj" && row % 3 == 0 }
      let (before, sum) = (
        try GGUFFileSet(path: base), try merge(base, adapter, to: directory + "/sum.gguf", type: .f32)
      )
      let division = WorkDivision(partCount: 3) { body in (0..<3).reversed().forEach(body) }
      let after = try merge(base, adapter, to: directory + "/merged.gguf", division: division)
      #expect(before.metadata == after.metadata)
      var changedCount = 0
      for tensor in before.tensors {
        let result = try #require(after.tensor(named: tensor.name))
        #expect(result.dtype == tensor.dtype && result.shape == tensor.shape)
        let (old, new) = (try before.readBytes(of: tensor), try after.readBytes(of: result))
        guard sum.tensor(named: tensor.name)?.dtype != tensor.dtype else {
          #expect(old == new)
          continue
        }
        let (base, sums) = try (values(tensor.name, in: before), values(tensor.name, in: sum))
        var expected: [UInt8] = []
        ElementConversion.narrow(sums, to: type, into: &expected)
        let (rowCount, columnCount) = (tensor.shape.rowCount, tensor.shape.columnCount)
        var keptCount = 0
        for row in 0..<rowCount {
          let elements = (row * columnCount)..<((row + 1) * columnCount)
          guard base[elements] == sums[elements] else { continue }
          let range = (row * expected.count / rowCount)..<((row + 1) * expected.count / rowCount)
          expected.replaceSubrange(range, with: old[range])
          keptCount += 1
        }
        #expect(keptCount == rowCount - (rowCount + 2) / 3)
        let isExpected = new == expected
        #expect(isExpected, "\(tensor.name)")
        changedCount += old == new ? 0 : 1
      }
      #expect(changedCount == 6)
    }
  }

  @Test(arguments: [DType.iq2XXS, .iq3S, .iq1M, .nvfp4])
  func aTypeThatIsNotWrittenIsRefusedByNameAndOtherTensorsOfItAreCopied(_ type: DType) throws {
    try withTemporaryDirectory { directory in
      let (base, adapter) = (directory + "/base.gguf", directory + "/adapter")
      try WideFixture.writeBase(to: base) { $0.contains("ffn_down") ? type : .q4K }
      try WideFixture.writeAdapter(to: adapter)
      let error = caught(MergeError.self) { _ = try MergePlan(model: ModelSource(path: base), adapterPath: adapter) }
      #expect(error?.code == .unsupportedType)
      #expect(error?.place == "tensor blk.0.ffn_down.weight")
      #expect(error?.problem.contains("doesn't write \(type)") == true)
      #expect(error?.remedy?.description.contains("write ") == true)
      let other = try merge(base, adapter, to: directory + "/q8.gguf", type: .q8_0)
      #expect(other.tensor(named: "blk.0.ffn_down.weight")?.dtype == .q8_0)

      let attention = directory + "/attention"
      try WideFixture.writeAdapter(to: attention) { module, _ in module.hasPrefix("self_attn") }
      let after = try merge(base, attention, to: directory + "/merged.gguf")
      let (source, copy) = (try GGUFFileSet(path: base), try #require(after.tensor(named: "blk.0.ffn_down.weight")))
      #expect(copy.dtype == type)
      #expect(try after.readBytes(of: copy) == source.readBytes(of: #require(source.tensor(named: copy.name))))
    }
  }

  @Test func rowsThatDoNotFillBlocksOf256GetTheTypeOfLlamaQuantize() throws {
    try withTemporaryDirectory { directory in
      let base = directory + "/base.gguf"
      try GGUFMergeTests().writeBase("llama-lora", to: base, type: .f32)
      let adapter = try MergeFixture(name: "llama-lora").write(to: directory, type: .f32).adapter
      for (wanted, type): (DType, DType) in [
        (.q2K, .q4_0), (.q3K, .q4_0), (.q4K, .q5_0), (.q5K, .q5_1), (.q6K, .q8_0), (.iq4XS, .iq4NL), (.tq1_0, .q4_0),
        (.tq2_0, .q4_0),
      ] {
        // Rows of 48 don't fill blocks of 32 either.
        let error = caught(MergeError.self) {
          _ = try MergePlan(model: ModelSource(path: base), adapterPath: adapter, outputType: wanted)
        }
        #expect(error?.code == .unsupportedType && error?.place == "tensor blk.0.ffn_down.weight")
        #expect(error?.problem == "its rows of 48 elements don't fill whole blocks of \(wanted)")
        let attention = directory + "/attention-\(wanted)"
        try attentionAdapter(adapter, to: attention)
        let merged = try merge(base, attention, to: "\(directory)/\(wanted).gguf", type: wanted)
        #expect(merged.tensor(named: "blk.0.attn_q.weight")?.dtype == type)
        #expect(merged.tensor(named: "blk.0.ffn_gate.weight")?.dtype == .f32)
      }
    }
  }

  /// An adapter of `q_proj` for the narrow fixture.
  private func attentionAdapter(_ source: String, to directory: String) throws {
    var builder = AdapterBuilder()
    builder.set("alora_invocation_tokens", nil)
    builder.set("target_modules", "[\"q_proj\"]")
    builder.tensors = (0..<2).flatMap { layer in
      let name = "base_model.model.model.layers.\(layer).self_attn.q_proj"
      return [
        AdapterBuilder.Tensor("\(name).lora_A.weight", [4, 32], AdapterBuilder.values(4 * 32, seed: layer)),
        AdapterBuilder.Tensor("\(name).lora_B.weight", [32, 4], AdapterBuilder.values(32 * 4, seed: layer + 7)),
      ]
    }
    try builder.write(to: directory)
  }

  @Test func aTensorThatTheModelScalesIsRefused() throws {
    try withTemporaryDirectory { directory in
      let (base, adapter) = (directory + "/base.gguf", directory + "/adapter")
      let scale = TensorDeclaration(name: "blk.0.attn_v.scale", dtype: .f32, shape: try #require(Shape([1])))
      try WideFixture.writeBase(to: base, further: [scale]) { _ in .tq2_0 }
      try WideFixture.writeAdapter(to: adapter)
      let error = caught(MergeError.self) { _ = try MergePlan(model: ModelSource(path: base), adapterPath: adapter) }
      #expect(error?.code == .unsupportedLayout)
      #expect(error?.place == "tensor blk.0.attn_v.weight")
    }
  }

  @Test(arguments: [DType.q4K, .q6K, .iq4XS, .q8_0]) func weightsThatAreNotFiniteOrTooLargeAreRefused(_ type: DType)
    throws
  {
    try withTemporaryDirectory { directory in
      let (base, adapter, output) = (directory + "/base.gguf", directory + "/adapter", directory + "/merged.gguf")
      try WideFixture.writeAdapter(to: adapter)
      func error(_ alpha: Double?, _ change: (String, inout [UInt8]) -> Void) throws -> MergeError? {
        try WideFixture.writeBase(to: base, change: change) { $0.contains("attn_q") ? type : .f32 }
        if let alpha { try WideFixture.writeAdapter(to: adapter, alpha: alpha) }
        let error = caught(MergeError.self) { _ = try merge(base, adapter, to: output) }
        #expect(FileSystem.kind(of: output) == nil)
        return error
      }
      // The first block's f16 scale.
      let place = type == .q6K ? 208 : 0
      for half: [UInt8] in [[0x00, 0x7C], [0x01, 0x7E], [0x00, 0xFC]] {
        let found = try error(nil) { name, bytes in
          if name == "blk.0.attn_q.weight" { bytes.replaceSubrange(place..<(place + 2), with: half) }
        }
        #expect(found?.code == .overflow)
        #expect(found?.place == "tensor blk.0.attn_q.weight")
      }
      let large = try error(1e14) { _, _ in }
      #expect(large?.code == .overflow)
      #expect(large?.problem.contains("which \(type) can't represent") == true)
    }
  }
}
