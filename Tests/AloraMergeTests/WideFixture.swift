import AloraGGUF
import AloraSystem
import AloraTensors
import AloraTestSupport
import Foundation
import Testing

/// A GGUF of a llama with one layer and rows of 256 elements, for types with blocks of 256, and an adapter of its
/// linear modules.
struct WideFixture {
  private static let extents = [
    "attn_q": [256, 256], "attn_k": [128, 256], "attn_v": [128, 256], "attn_output": [256, 256],
    "ffn_gate": [256, 256], "ffn_up": [256, 256], "ffn_down": [256, 256],
  ]
  private static let modules = [
    ("self_attn.q_proj", "attn_q"), ("self_attn.k_proj", "attn_k"), ("self_attn.v_proj", "attn_v"),
    ("self_attn.o_proj", "attn_output"), ("mlp.gate_proj", "ffn_gate"), ("mlp.up_proj", "ffn_up"),
    ("mlp.down_proj", "ffn_down"),
  ]

  /// - Parameters:
  ///   - type: of the matrix of a name; F32 for norms in any case.
  ///   - further: tensors besides, with zero bytes.
  ///   - change: may change a tensor's bytes.
  static func writeBase(
    to path: String, further: [TensorDeclaration] = [], change: (String, inout [UInt8]) -> Void = { _, _ in },
    type: (String) -> DType
  ) throws {
    let scratch = path + ".header"
    try Data(baseGGUF("llama-lora")).write(to: URL(fileURLWithPath: scratch))
    let file = try GGUFFileSet(path: scratch)
    var metadata = file.metadata
    for (key, value) in [
      ("embedding_length", 256), ("feed_forward_length", 256), ("block_count", 1), ("attention.key_length", 64),
      ("attention.value_length", 64),
      ("rope.dimension_count", 64),
    ] { metadata["llama." + key] = .uint32(UInt32(value)) }
    let declarations = try file.tensors.filter { !$0.name.hasPrefix("blk.1") }.map { tensor in
      let part = tensor.name.split(separator: ".").first { extents[String($0)] != nil }
      let shape = part.flatMap { extents[String($0)] } ?? (tensor.shape.rank > 1 ? [64, 256] : [256])
      return TensorDeclaration(
        name: tensor.name, dtype: tensor.shape.rank > 1 ? type(tensor.name) : .f32, shape: try #require(Shape(shape)))
    }
    let layout = try GGUFLayout(metadata: metadata, tensors: declarations + further)
    let writer = try GGUFWriter(path: path, replacesExisting: true, layout: layout)
    var random = SeededRandom(seed: 3)
    for tensor in layout.tensors {
      var bytes = [UInt8](repeating: 0, count: tensor.shape.byteCount(of: tensor.dtype) ?? 0)
      if ElementConversion.canNarrow(tensor.dtype), !further.contains(where: { $0.name == tensor.name }) {
        let values = (0..<tensor.shape.elementCount).map { _ in
          Float.random(in: -0.05...0.05, using: &random) + Float.random(in: -0.05...0.05, using: &random)
        }
        ElementConversion.narrow(tensor.shape.rank > 1 ? values : values.map { 1 + $0 }, to: tensor.dtype, into: &bytes)
      }
      change(tensor.name, &bytes)
      try writer.write(bytes.span.bytes, of: tensor.name)
    }
    try writer.finish()
    try FileManager.default.removeItem(atPath: scratch)
  }

  /// - Parameter isAdapted: whether a row of a module's output changes.
  static func writeAdapter(
    to directory: String, alpha: Double = 8, isAdapted: (_ module: String, _ row: Int) -> Bool = { _, _ in true }
  ) throws {
    var builder = AdapterBuilder()
    builder.tensors = []
    builder.set("alora_invocation_tokens", nil)
    builder.set("lora_alpha", "\(alpha)")
    var random = SeededRandom(seed: 5)
    var targets: Set<String> = []
    for (module, part) in modules {
      guard let shape = extents[part], (0..<shape[0]).contains(where: { isAdapted(module, $0) }) else { continue }
      targets.insert(String(module.split(separator: ".")[1]))
      let name = "base_model.model.model.layers.0.\(module)"
      let a = (0..<(4 * shape[1])).map { _ in Float.random(in: -0.1...0.1, using: &random) }
      let b = (0..<(shape[0] * 4)).map {
        Float.random(in: -0.1...0.1, using: &random) * (isAdapted(module, $0 / 4) ? 1 : 0)
      }
      builder.tensors.append(.init("\(name).lora_A.weight", [4, shape[1]], a))
      builder.tensors.append(.init("\(name).lora_B.weight", [shape[0], 4], b))
    }
    builder.set("target_modules", "[" + targets.sorted().map { "\"\($0)\"" }.joined(separator: ", ") + "]")
    try builder.write(to: directory)
  }
}
