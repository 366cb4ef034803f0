import AloraGGUF
import AloraSystem
import AloraTensors
import AloraTestSupport
import Testing

@testable import AloraInference

/// GGUFs that have gate and up of all experts in one tensor, as llama.cpp's converter writes them with
/// `--fuse-gate-up-exps`.
@Suite struct FusedExpertsTests {
  @Test(arguments: ["qwen3-moe", "mixtral-experts", "llama4-experts"])
  func aFusedFileGivesTheSameBits(_ name: String) throws {
    let fixture = Fixture(name: name)
    let described = try #require(RebuiltGGUFTests.described[name])
    try withTemporaryDirectory { directory in
      let (apart, fused) = (directory + "/apart.gguf", directory + "/fused.gguf")
      let bytes = try RebuiltGGUFTests().rebuilt(fixture, byteCount: described.file_byte_count, path: apart)
      try writeFile(bytes, to: apart)
      let fusedCount = try fuse(apart, to: fused)
      #expect(fusedCount >= 2)

      let pool = ThreadPool(threadCount: 2)
      let evaluators = try [fixture.base, fused].map { Evaluator(model: try Model(path: $0, pool: pool), pool: pool) }
      let adapters = try evaluators.map { try Adapter(path: fixture.adapter, model: $0.model, pool: pool) }
      for item in try fixture.golden.cases {
        let base = try evaluators.map { try logits($0, item.tokens) }
        let adapted = try zip(evaluators, adapters).map {
          try logits($0, item.tokens, adapter: $1, start: item.activationStart)
        }
        let isSame = (base: sameBits(base[0], base[1]), adapted: sameBits(adapted[0], adapted[1]))
        #expect(isSame.base && isSame.adapted)
      }
    }
  }

  /// Returns how many layers it has joined.
  private func fuse(_ path: String, to output: String) throws -> Int {
    let file = try GGUFFileSet(path: path)
    var metadata = GGUFMetadata()
    for entry in file.metadata.entries { metadata[entry.key] = entry.value }
    var tensors: [(declaration: TensorDeclaration, bytes: [UInt8])] = []
    var count = 0
    for tensor in file.tensors where !tensor.name.hasSuffix(".ffn_up_exps.weight") {
      let bytes = try file.readBytes(of: tensor)
      guard tensor.name.hasSuffix(".ffn_gate_exps.weight") else {
        tensors.append((TensorDeclaration(name: tensor.name, dtype: tensor.dtype, shape: tensor.shape), bytes))
        continue
      }
      let up = try #require(file.tensor(named: tensor.name.replacing("ffn_gate_exps", with: "ffn_up_exps")))
      let (extents, other) = (tensor.shape.dimensions, try file.readBytes(of: up))
      let width = bytes.count / extents[0]
      var joined: [UInt8] = []
      for start in stride(from: 0, to: bytes.count, by: width) {
        joined += bytes[start..<(start + width)]
        joined += other[start..<(start + width)]
      }
      let shape = try #require(Shape([extents[0], 2 * extents[1], extents[2]]))
      let name = tensor.name.replacing("ffn_gate_exps", with: "ffn_gate_up_exps")
      tensors.append((TensorDeclaration(name: name, dtype: tensor.dtype, shape: shape), joined))
      count += 1
    }
    let layout = try GGUFLayout(metadata: metadata, tensors: tensors.map(\.declaration))
    let writer = try GGUFWriter(path: output, replacesExisting: true, layout: layout)
    for tensor in tensors { try writer.write(tensor.bytes.span.bytes, of: tensor.declaration.name) }
    try writer.finish()
    return count
  }
}
