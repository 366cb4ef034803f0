import AloraGGUF
import AloraJSON
import AloraSystem
import AloraTensors
import AloraTestSupport
import Foundation
import Testing

@testable import AloraSwitch

/// Writes the checkpoint with changed factors.
func changeSwitch(_ directory: String, _ change: (inout [String: [UInt8]]) -> Void) throws {
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

/// Writes the checkpoint's slots as llama.cpp's converter does.
///
/// - Parameters:
///   - counts: of the heads of queries and keys.
///   - base: every factor of slot 0, which has to be 0.
func writeSwitch(to path: String, counts: (query: UInt32, key: UInt32) = (4, 2), base: Float = 0) throws {
  let model = try SwitchModel(path: testData("switch/composed"))
  let name = "graniteswitch"
  var metadata = GGUFMetadata()
  metadata["general.architecture"] = .bytes(Array(name.utf8))
  metadata["\(name).adapters.count"] = .uint32(3)
  metadata["\(name).adapters.lora_rank"] = .uint32(4)
  metadata["\(name).adapters.token_ids_activate"] = .array(GGUFArray([29, 30, 31] as [UInt32]))
  metadata["\(name).adapters.token_ids_substitute"] = .array(GGUFArray([7, 5, 8] as [UInt32]))
  metadata["\(name).block_count"] = .uint32(2)
  metadata["\(name).attention.head_count"] = .uint32(counts.query)
  metadata["\(name).attention.head_count_kv"] = .uint32(counts.key)
  var tensors: [(declaration: TensorDeclaration, values: [Float])] = []
  for site in model.sites {
    let slots = try model.slots.compactMap { try model.factors($0, at: site) }
    let heads = site.module == .query ? 4 : site.module == .key ? 2 : nil
    func add(_ letter: String, _ values: [[Float]], rows: Int, columns: Int) throws {
      let shape = try #require(Shape([4, rows, columns]))
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
