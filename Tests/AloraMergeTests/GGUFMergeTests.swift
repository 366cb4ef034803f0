import AloraGGUF
import AloraMerge
import AloraModels
import AloraSystem
import AloraSafetensors
import AloraTensors
import AloraTestSupport
import Foundation
import Testing

/// Merging into a GGUF: the weights of the merged directory, in GGUF's order and types.
@Suite struct GGUFMergeTests {
  /// Writes a GGUF with a fixture's header, the given type for its matrices, and weights that depend on the place.
  func writeBase(_ name: String, to path: String, type: DType) throws {
    let scratch = path + ".header"
    try Data(baseGGUF(name)).write(to: URL(fileURLWithPath: scratch))
    let file = try GGUFFileSet(path: scratch)
    func dtype(_ tensor: TensorDescription) -> DType {
      tensor.shape.rank > 1 && tensor.shape.columnCount.isMultiple(of: type.block.elementCount) ? type : .f32
    }
    let layout = try GGUFLayout(
      metadata: file.metadata,
      tensors: file.tensors.map { TensorDeclaration(name: $0.name, dtype: dtype($0), shape: $0.shape) })
    let writer = try GGUFWriter(path: path, replacesExisting: false, layout: layout)
    var random = SeededRandom(seed: 3)
    var bytes: [UInt8] = []
    for tensor in layout.tensors {
      let values = (0..<tensor.shape.elementCount).map { _ in Float.random(in: -0.5...0.5, using: &random) }
      ElementConversion.narrow(values, to: tensor.dtype, into: &bytes)
      try writer.write(bytes.span.bytes, of: tensor.name)
    }
    try writer.finish()
  }

  @Test(arguments: [DType.f32, .f16, .bf16, .q8_0, .q4_0, .q4_1, .q5_0, .q5_1])
  func everyTypeIsTheSumRoundedOnce(_ type: DType) throws {
    try withTemporaryDirectory { directory in
      let base = directory + "/base.gguf"
      try writeBase("llama-lora", to: base, type: type)
      let adapter = try MergeFixture(name: "llama-lora").write(to: directory, type: .f32).adapter
      func merged(_ outputType: DType?) throws -> GGUFFileSet {
        let path = "\(directory)/\(outputType?.name ?? "own").gguf"
        let plan = try MergePlan(model: ModelSource(path: base), adapterPath: adapter, outputType: outputType)
        _ = try plan.writeGGUF(to: path, replacesExisting: false)
        #expect(!plan.changed.isEmpty)
        return try GGUFFileSet(path: path)
      }
      let (before, sum, after) = (try GGUFFileSet(path: base), try merged(.f32), try merged(nil))
      #expect(before.metadata == after.metadata)
      var changedCount = 0
      for tensor in before.tensors {
        let result = try #require(after.tensor(named: tensor.name))
        #expect(result.dtype == tensor.dtype && result.shape == tensor.shape)
        let exact = try values(tensor.name, in: sum)
        var bytes: [UInt8] = []
        ElementConversion.narrow(exact, to: tensor.dtype, into: &bytes)
        let isChanged = try exact != values(tensor.name, in: before)
        changedCount += isChanged ? 1 : 0
        #expect(try after.readBytes(of: result) == (isChanged ? bytes : before.readBytes(of: tensor)), "\(tensor.name)")
      }
      #expect(changedCount > 4)
    }
  }

  @Test func theAdapterAsAGGUFGivesTheSameBytes() throws {
    try withTemporaryDirectory { directory in
      let base = directory + "/base.gguf"
      try writeBase("llama-linear", to: base, type: .f32)
      let adapter = try MergeFixture(name: "llama-linear").write(to: directory, type: .f32).adapter
      let converted = directory + "/adapter.gguf"
      #expect(
        try runAlora(["convert", adapter, "--base", base, "-o", converted]).status == 0)
      for (path, output) in [(adapter, "/a.gguf"), (converted, "/b.gguf")] {
        _ = try MergePlan(model: ModelSource(path: base), adapterPath: path)
          .writeGGUF(to: directory + output, replacesExisting: false)
      }
      #expect(try readFile(directory + "/a.gguf") == readFile(directory + "/b.gguf"))
    }
  }
}
