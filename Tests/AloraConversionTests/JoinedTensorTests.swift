import AloraAdapters
import AloraConversion
import AloraGGUF
import AloraInspection
import AloraModels
import AloraTensors
import AloraTestSupport
import Testing

/// Bases whose GGUF has several modules' weights in one tensor.
@Suite struct JoinedTensorTests {
  private static let shared = [("block_count", 1), ("embedding_length", 64), ("attention.head_count", 4)]

  private func base(
    _ architecture: String, _ fields: [(String, Int)], _ tensors: [(String, [Int])], _ path: String,
    slidingLayers: [Bool]? = nil
  ) throws -> BaseModel {
    var metadata = GGUFMetadata()
    metadata["general.architecture"] = .string(architecture)
    for (key, value) in Self.shared + fields { metadata["\(architecture).\(key)"] = .uint32(UInt32(value)) }
    if let slidingLayers {
      metadata["\(architecture).attention.sliding_window_pattern"] = .array(GGUFArray(slidingLayers))
    }
    let declarations = try ([("token_embd", [96, 64])] + tensors).map { name, shape in
      TensorDeclaration(name: name + ".weight", dtype: .f32, shape: try #require(Shape(shape)))
    }
    let writer = try GGUFWriter(
      path: path, replacesExisting: true, layout: GGUFLayout(metadata: metadata, tensors: declarations))
    for tensor in declarations {
      let zeros = [UInt8](repeating: 0, count: 4 * tensor.shape.elementCount)
      try writer.write(zeros.span.bytes, of: tensor.name)
    }
    try writer.finish()
    return try BaseModel(gguf: GGUFFileSet(path: path))
  }

  /// alpha / r · B · A of a tensor, one matrix for each expert.
  private func updates(_ path: String, _ tensor: String) throws -> [[[Float]]]? {
    let adapter = try GGUFFileSet(path: path)
    guard let a = adapter.tensor(named: tensor + ".weight.lora_a"),
      let b = adapter.tensor(named: tensor + ".weight.lora_b")
    else { return nil }
    guard case .float32(let alpha)? = adapter.metadata["adapter.lora.alpha"] else { return nil }
    func floats(_ tensor: TensorDescription) throws -> [Float] {
      let bytes = try adapter.readBytes(of: tensor)
      return stride(from: 0, to: bytes.count, by: 4).map { start in
        Float(bitPattern: (0..<4).reduce(UInt32(0)) { $0 | UInt32(bytes[start + $1]) << (8 * UInt32($1)) })
      }
    }
    let (left, right) = (try floats(b), try floats(a))
    let (shapeA, shapeB) = (a.shape.dimensions.suffix(2), b.shape.dimensions.suffix(2))
    let (rank, columns, rows) = (shapeA.first ?? 0, shapeA.last ?? 0, shapeB.first ?? 0)
    return (0..<(left.count / rows / rank)).map { expert in
      (0..<rows).map { row in
        (0..<columns).map { column in
          let sum = (0..<rank).reduce(Float(0)) {
            $0 + left[(expert * rows + row) * rank + $1] * right[(expert * rank + $1) * columns + column]
          }
          return sum * (alpha / Float(rank))
        }
      }
    }
  }

  private func isClose(_ one: [[Float]], _ other: [[Float]]) -> Bool {
    zip(one, other).allSatisfy { zip($0, $1).allSatisfy { abs($0 - $1) <= 1e-6 * max(1, abs($1)) } }
      && one.count == other.count
  }

  private func factors(_ module: String, rank: Int, out: Int, in columns: Int, seed: Int) -> [AdapterBuilder.Tensor] {
    let name = "base_model.model.model.layers.0.\(module)"
    return [
      .init("\(name).lora_A.weight", [rank, columns], AdapterBuilder.values(rank * columns, seed: seed)),
      .init("\(name).lora_B.weight", [out, rank], AdapterBuilder.values(out * rank, seed: seed + 5)),
    ]
  }

  private func convert(_ builder: AdapterBuilder, _ base: BaseModel, _ output: String) throws {
    try builder.write(to: output + ".adapter")
    let plan = try ConversionPlan(adapter: AdapterDirectory(path: output + ".adapter"), base: base)
    _ = try plan.write(to: output, replacesExisting: true)
  }

  /// Ranks and scalings may differ; what a module doesn't change stays exactly 0.
  @Test(arguments: ["llama", "starcoder2"]) func queryKeyAndValueInOneTensor(_ architecture: String) throws {
    var builder = AdapterBuilder()
    builder.set("alora_invocation_tokens", nil)
    builder.set("target_modules", "[\"q_proj\", \"v_proj\"]")
    builder.set("rank_pattern", "{\"v_proj\": 2}")
    builder.tensors =
      factors("self_attn.q_proj", rank: 4, out: 64, in: 64, seed: 1)
      + factors("self_attn.v_proj", rank: 2, out: 32, in: 64, seed: 2)
    let fields = [("attention.head_count_kv", 2), ("feed_forward_length", 96)]
    var others = [("blk.0.attn_output", [64, 64]), ("blk.0.ffn_up", [96, 64]), ("blk.0.ffn_down", [64, 96])]
    if architecture == "llama" { others.append(("blk.0.ffn_gate", [96, 64])) }
    let separate = [("blk.0.attn_q", [64, 64]), ("blk.0.attn_k", [32, 64]), ("blk.0.attn_v", [32, 64])]
    try withTemporaryDirectory { directory in
      let apart = try base(architecture, fields, separate + others, directory + "/a.gguf")
      let joined = try base(architecture, fields, [("blk.0.attn_qkv", [128, 64])] + others, directory + "/b.gguf")
      try convert(builder, apart, directory + "/apart.gguf")
      try convert(builder, joined, directory + "/joined.gguf")
      let whole = try #require(try updates(directory + "/joined.gguf", "blk.0.attn_qkv"))[0]
      let query = try #require(try updates(directory + "/apart.gguf", "blk.0.attn_q"))[0]
      let value = try #require(try updates(directory + "/apart.gguf", "blk.0.attn_v"))[0]
      #expect(whole.count == 128)
      #expect(isClose(Array(whole[..<64]), query) && isClose(Array(whole[96...]), value))
      #expect(whole[64..<96].allSatisfy { $0.allSatisfy { $0 == 0 } })
      #expect(query.contains { $0.contains { $0 != 0 } })

      let difference = try Difference(
        Subject(path: directory + "/joined.gguf.adapter"), Subject(path: directory + "/joined.gguf"),
        base: ModelSource(path: directory + "/b.gguf"))
      // Folding a scaling into B rounds.
      #expect(difference.comparedTensorCount == 2 && difference.entries.allSatisfy { $0.largestDelta ?? 1 < 1e-6 })
    }
  }

  /// In Gemma 4, layers with a sliding window have smaller heads, and GGUF has a key of its own for them.
  @Test func headsOfSlidingLayersHaveTheirOwnSize() throws {
    var builder = AdapterBuilder()
    builder.set("alora_invocation_tokens", nil)
    builder.set("target_modules", "[\"k_proj\"]")
    builder.tensors = factors("self_attn.k_proj", rank: 4, out: 32, in: 64, seed: 1)
    let fields = [
      ("attention.head_count_kv", 2), ("feed_forward_length", 96), ("attention.key_length", 32),
      ("attention.key_length_swa", 16),
    ]
    let tensors = [("blk.0.attn_qkv", [128, 64]), ("blk.0.attn_output", [64, 64])]
    try withTemporaryDirectory { directory in
      let joined = try base("gemma4", fields, tensors, directory + "/b.gguf", slidingLayers: [true])
      try convert(builder, joined, directory + "/joined.gguf")
      let whole = try #require(try updates(directory + "/joined.gguf", "blk.0.attn_qkv"))[0]
      let changed = whole.indices.filter { whole[$0].contains { $0 != 0 } }
      #expect(whole.count == 128 && changed.allSatisfy { (64..<96).contains($0) } && !changed.isEmpty)
    }
  }

  /// Separate gate and up projections of experts; one is left out.
  @Test func gateAndUpOfExpertsInOneTensor() throws {
    var builder = AdapterBuilder()
    builder.set("alora_invocation_tokens", nil)
    builder.set("target_modules", "[\"gate_proj\", \"up_proj\"]")
    builder.tensors = []
    for expert in [0, 2] {
      for (index, name) in ["gate_proj", "up_proj"].enumerated() {
        builder.tensors += factors("mlp.experts.\(expert).\(name)", rank: 4, out: 24, in: 64, seed: 2 * expert + index)
      }
    }
    let fields = [
      ("attention.head_count_kv", 2), ("feed_forward_length", 96), ("expert_count", 3), ("expert_used_count", 2),
      ("expert_feed_forward_length", 24), ("attention.key_length", 16),
    ]
    let others = [
      ("blk.0.attn_q", [64, 64]), ("blk.0.attn_k", [32, 64]), ("blk.0.attn_v", [32, 64]),
      ("blk.0.attn_output", [64, 64]),
      ("blk.0.ffn_gate_inp", [3, 64]), ("blk.0.ffn_down_exps", [3, 64, 24]),
    ]
    let separate = [("blk.0.ffn_gate_exps", [3, 24, 64]), ("blk.0.ffn_up_exps", [3, 24, 64])]
    try withTemporaryDirectory { directory in
      let apart = try base("qwen3moe", fields, separate + others, directory + "/a.gguf")
      let joined = try base(
        "qwen3moe", fields, [("blk.0.ffn_gate_up_exps", [3, 48, 64])] + others, directory + "/b.gguf")
      try convert(builder, apart, directory + "/apart.gguf")
      try convert(builder, joined, directory + "/joined.gguf")
      let whole = try #require(try updates(directory + "/joined.gguf", "blk.0.ffn_gate_up_exps"))
      let gate = try #require(try updates(directory + "/apart.gguf", "blk.0.ffn_gate_exps"))
      let up = try #require(try updates(directory + "/apart.gguf", "blk.0.ffn_up_exps"))
      for expert in 0..<3 { #expect(isClose(whole[expert], gate[expert] + up[expert]), "expert \(expert)") }
      #expect(whole[1].allSatisfy { $0.allSatisfy { $0 == 0 } })

      let difference = try Difference(
        Subject(path: directory + "/joined.gguf.adapter"), Subject(path: directory + "/joined.gguf"),
        base: ModelSource(path: directory + "/b.gguf"))
      #expect(difference.isEmpty && difference.comparedTensorCount == 2, "\(difference.entries)")
    }
  }
}
