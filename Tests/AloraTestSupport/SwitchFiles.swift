internal import AloraGGUF
internal import AloraJSON
internal import AloraSwitch
internal import AloraSystem
internal import AloraTensors
import Foundation

private struct Missing: Error { let name: String }

private func required<Value>(_ value: Value?, _ name: String) throws -> Value {
  guard let value else { throw Missing(name: name) }
  return value
}

/// Writes the checkpoint with changed factors.
package func changeSwitch(_ directory: String, _ change: (inout [String: [UInt8]]) -> Void) throws {
  try FileManager.default.copyItem(atPath: testData("switch/composed"), toPath: directory)
  let path = "\(directory)/model.safetensors"
  var bytes = try readFile(path)
  let length = Int(bytes[0]) | Int(bytes[1]) << 8
  let header = try parseJSON(String(decoding: bytes[8..<(8 + length)], as: UTF8.self))
  var tensors: [String: [UInt8]] = [:]
  var places: [String: Range<Int>] = [:]
  for (name, entry) in try header.members() where name != "__metadata__" {
    let offsets = try entry["data_offsets"].integers(in: 0...Int.max)
    places[name] = (8 + length + offsets[0])..<(8 + length + offsets[1])
    tensors[name] = Array(bytes[places[name] ?? 0..<0])
  }
  change(&tensors)
  for (name, place) in places { bytes.replaceSubrange(place, with: tensors[name] ?? []) }
  try writeFile(bytes, to: path)
}

/// The base's weights, in the order of their names; testdata/switch/make_golden.py has the same formula.
struct FormulaWeights {
  let tensors: [(name: String, extents: [Int], values: [Float])]

  init() {
    let layer = "model.layers.0."
    let shapes: [(String, [Int])] = [
      ("model.embed_tokens.weight", [32, 64]), (layer + "input_layernorm.weight", [64]),
      (layer + "post_attention_layernorm.weight", [64]), (layer + "self_attn.o_proj.base_layer.weight", [64, 64]),
      (layer + "self_attn.qkv_proj.base_layer.weight", [128, 64]),
      (layer + "shared_mlp.input_linear.base_layer.weight", [64, 64]),
      (layer + "shared_mlp.output_linear.weight", [64, 32]), ("model.norm.weight", [64]),
    ]
    tensors = shapes.enumerated().map { salt, item in
      let (name, extents) = item
      let values = (0..<extents.reduce(1, *)).map { index -> Float in
        let number = (index * 7919 + index / 7 * 104_729 + salt * 613) % 251 - 125
        if name.contains("norm") { return 1 + Float((number % 17 + 17) % 17) / 64 }
        return Float(number) / (name.contains("embed") ? 256 : 1024)
      }
      return (name, extents, values)
    }
  }

  func values(_ name: String) throws -> [Float] {
    try required(tensors.first { $0.name.contains(name) }, name).values
  }
}

/// Writes a checkpoint with a base and a vocabulary: A…Z, a, a space and a period, then the control tokens `<plain>`,
/// `<ranked>` and `<patterned>`.
package func writeSpellingSwitch(to directory: String) throws {
  try writeWholeSwitch(to: directory)
  let texts = "ABCDEFGHIJKLMNOPQRSTUVWXYZaĠ.".map { "\($0)" } + ["<plain>", "<ranked>", "<patterned>"]
  try writeSpellingTokenizer(texts, addedFrom: 29, to: directory)
  // Writes the control token of `ranked` where the answer begins, and no other.
  try writeFile(
    Array(
      (#"{"chat_template":"{% for m in messages %}{{ m['content'] + '.' }}{% endfor %}"#
        + #"{% if add_generation_prompt %}a{% if adapter_name == 'ranked' %}<ranked>{% endif %}{% endif %}"}"#).utf8),
    to: directory + "/tokenizer_config.json")
}

/// Writes the checkpoint with a base.
package func writeWholeSwitch(to directory: String) throws {
  try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
  try writeFile(try readFile(testData("switch/composed/config.json")), to: "\(directory)/config.json")
  let old = try readFile(testData("switch/composed/model.safetensors"))
  let length = Int(old[0]) | Int(old[1]) << 8
  var entries: [String] = []
  var data = Array(old[(8 + length)...])
  for (name, entry) in try parseJSON(String(decoding: old[8..<(8 + length)], as: UTF8.self)).members()
  where name != "__metadata__" {
    let (shape, place) = (
      try entry["shape"].integers(in: 0...Int.max), try entry["data_offsets"].integers(in: 0...Int.max)
    )
    entries.append(#""\#(name)":{"dtype":"BF16","shape":\#(shape),"data_offsets":\#(place)}"#)
  }
  for (name, extents, values) in FormulaWeights().tensors {
    let place = [data.count, data.count + 2 * values.count]
    data += values.flatMap { [UInt8(truncatingIfNeeded: $0.bitPattern >> 16), UInt8($0.bitPattern >> 24)] }
    entries.append(#""\#(name)":{"dtype":"BF16","shape":\#(extents),"data_offsets":\#(place)}"#)
  }
  var header = Array("{\(entries.joined(separator: ","))}".utf8)
  header += [UInt8](repeating: 0x20, count: (8 - header.count % 8) % 8)
  let prefix = withUnsafeBytes(of: UInt64(header.count).littleEndian, Array.init)
  try writeFile(prefix + header + data, to: "\(directory)/model.safetensors")
}

/// Writes the checkpoint's slots as llama.cpp's converter does.
///
/// - Parameters:
///   - counts: of the heads of queries and keys.
///   - base: every factor of slot 0, which has to be 0.
///   - hasWeights: whether the base's weights exist, too.
package func writeSwitch(
  to path: String, counts: (query: UInt32, key: UInt32) = (4, 2), base: Float = 0, hasWeights: Bool = false
) throws {
  let model = try SwitchModel(path: testData("switch/composed"))
  let name = "graniteswitch"
  var metadata = GGUFMetadata()
  metadata["general.architecture"] = .bytes(Array(name.utf8))
  metadata["\(name).adapters.count"] = .uint32(3)
  metadata["\(name).adapters.lora_rank"] = .uint32(4)
  metadata["\(name).adapters.token_ids_activate"] = .array(GGUFArray([29, 30, 31] as [UInt32]))
  metadata["\(name).adapters.token_ids_substitute"] = .array(GGUFArray([7, 5, 8] as [UInt32]))
  metadata["\(name).block_count"] = .uint32(hasWeights ? 1 : 2)
  for (key, value) in [
    ("embedding_length", 64), ("feed_forward_length", 32), ("context_length", 64), ("rope.dimension_count", 16),
  ] as [(String, UInt32)] {
    metadata["\(name).\(key)"] = .uint32(value)
  }
  for (key, value) in [
    ("attention.layer_norm_rms_epsilon", 1e-6), ("attention.scale", 1), ("embedding_scale", 1), ("residual_scale", 1),
    ("logit_scale", 1), ("rope.freq_base", 10000),
  ] as [(String, Float)] {
    metadata["\(name).\(key)"] = .float32(value)
  }
  metadata["\(name).attention.head_count"] = .uint32(counts.query)
  metadata["\(name).attention.head_count_kv"] = .uint32(counts.key)
  var tensors: [(declaration: TensorDeclaration, values: [Float])] = []
  for site in model.sites {
    let slots = try model.slots.compactMap { try model.factors($0, at: site) }
    let heads = site.module == .query ? 4 : site.module == .key ? 2 : nil
    func add(_ letter: String, _ values: [[Float]], rows: Int, columns: Int) throws {
      let shape = try required(Shape([4, rows, columns]), letter)
      let zeros = [Float](repeating: base, count: rows * columns)
      tensors.append(
        (
          TensorDeclaration(name: "blk.0.\(site.module.ggufName).lora_\(letter)", dtype: .f32, shape: shape),
          zeros + values.joined()
        ))
    }
    try add("a", slots.map(\.a), rows: 4, columns: slots[0].inputCount)
    try add(
      "b", slots.map { heads == nil ? $0.b : pairs($0.b, rank: 4, heads: heads ?? 1) },
      rows: slots[0].outputCount, columns: 4)
  }
  if hasWeights { tensors += try baseTensors() }
  let layout = try GGUFLayout(metadata: metadata, tensors: tensors.map(\.declaration))
  let writer = try GGUFWriter(path: path, replacesExisting: false, layout: layout)
  for (declaration, values) in tensors {
    let bytes = values.flatMap { value in withUnsafeBytes(of: value.bitPattern.littleEndian, Array.init) }
    try writer.write(bytes.span.bytes, of: declaration.name)
  }
  try writer.finish()
}

/// llama.cpp's order: row i of a head's first half, then of its second.
private func pairs(_ b: [Float], rank: Int, heads: Int) -> [Float] {
  let height = b.count / rank / heads
  return (0..<heads).flatMap { head in
    (0..<height).flatMap { place -> ArraySlice<Float> in
      let row = head * height + place / 2 + (place % 2) * (height / 2)
      return b[(row * rank)..<((row + 1) * rank)]
    }
  }
}

/// The base's weights as a GGUF has them.
private func baseTensors() throws -> [(declaration: TensorDeclaration, values: [Float])] {
  let weights = FormulaWeights()
  func tensor(_ name: String, _ extents: [Int], _ values: [Float]) throws -> (TensorDeclaration, [Float]) {
    (TensorDeclaration(name: name, dtype: .f32, shape: try required(Shape(extents), name)), values)
  }
  let fused = try weights.values("qkv_proj")
  let (q, k, v) = (Array(fused[..<4096]), Array(fused[4096..<6144]), Array(fused[6144...]))
  let network = try weights.values("input_linear")
  return try [
    tensor("token_embd.weight", [32, 64], weights.values("embed_tokens")),
    tensor("output_norm.weight", [64], weights.values("model.norm")),
    tensor("blk.0.attn_norm.weight", [64], weights.values("input_layernorm")),
    tensor("blk.0.ffn_norm.weight", [64], weights.values("post_attention_layernorm")),
    tensor("blk.0.attn_qkv.weight", [128, 64], pairs(q, rank: 64, heads: 4) + pairs(k, rank: 64, heads: 2) + v),
    tensor("blk.0.attn_output.weight", [64, 64], weights.values("o_proj")),
    tensor("blk.0.ffn_gate.weight", [32, 64], Array(network[..<2048])),
    tensor("blk.0.ffn_up.weight", [32, 64], Array(network[2048...])),
    tensor("blk.0.ffn_down.weight", [64, 32], weights.values("output_linear")),
  ]
}
