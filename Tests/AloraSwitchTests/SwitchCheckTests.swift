import AloraGGUF
import AloraJSON
import AloraSystem
import AloraTensors
import AloraTestSupport
import Foundation
import Testing

@testable import AloraSwitch

/// A checkpoint that granite-switch composed, and the adapters it came from.
@Suite struct SwitchCheckTests {
  private func check(_ path: String? = nil, library: String? = nil) throws -> SwitchCheck {
    try SwitchCheck(
      SwitchModel(path: path ?? testData("switch/composed")), library: library ?? testData("switch"))
  }

  private func names(_ check: SwitchCheck) -> [String?] {
    check.entries.map { $0.adapter?.split(separator: "/").last.map(String.init) }
  }

  @Test func theSlotsOfACheckpointAreRead() throws {
    let model = try SwitchModel(path: testData("switch/composed"))
    #expect(model.slots.map(\.name) == ["plain", "ranked", "patterned"])
    #expect(model.slots.map(\.declaredRank) == [2, 4, 3] && model.rank == 4 && model.gain == 15)
    #expect(model.slots.map(\.controlToken) == [29, 30, 31] && model.slots.map(\.substituteToken) == [7, 5, 8])
    #expect(model.sites.map(\.module) == [.query, .key, .value, .output, .gate, .up])
  }

  @Test func eachSlotIsMatchedAndTheComposersScalingIsNamed() throws {
    let check = try check()
    #expect(names(check) == ["plain", "ranked", "patterned"] && !check.passed)
    #expect(check.entries[0].outcome == .equal && check.unused.isEmpty && check.misplaced.isEmpty)
    guard case .wrongScaling(let ranked, .rankStabilizationIgnored) = check.entries[1].outcome,
      case .wrongScaling(let patterned, .alphaPatternIgnored) = check.entries[2].outcome
    else {
      Issue.record("\(check.entries)")
      return
    }
    // 8 / 4 instead of 8 / √4, everywhere; 6 / 3 instead of 9 / 3, for the queries.
    #expect(ranked.count == 4 && ranked.allSatisfy { abs($0.found - 2) < 0.01 && $0.expected == 4 })
    #expect(patterned.map(\.site.module) == [.query] && patterned[0].expected == 3)
    #expect(abs(patterned[0].found - 2) < 0.01)
  }

  /// The same library with one more adapter and one fewer.
  @Test func adaptersWithoutASlotAndSlotsWithoutAnAdapterAreFound() throws {
    try withTemporaryDirectory { directory in
      for name in ["plain", "ranked"] {
        try FileManager.default.copyItem(atPath: testData("switch/\(name)"), toPath: "\(directory)/\(name)")
      }
      let check = try check(library: directory)
      #expect(names(check) == ["plain", "ranked", nil] && check.entries[2].outcome == .unknown)
    }
    let error = #expect(throws: SwitchError.self) { try check(library: testData("switch/composed")) }
    #expect(error?.code == .emptyLibrary)
  }

  /// Writes the checkpoint with changed factors.
  private func changed(_ directory: String, _ change: (inout [String: [UInt8]]) -> Void) throws {
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

  @Test func changedWeightsAreNotTheAdapters() throws {
    let b = "model.layers.0.self_attn.o_proj.lora_B"
    let a = "model.layers.0.self_attn.o_proj.lora_A"
    try withTemporaryDirectory { directory in
      // The sign of one column of slot 1's B, and one element of slot 2's A.
      try changed("\(directory)/x") { tensors in
        for row in 0..<64 { tensors[b]?[row * 8 + 1] ^= 0x80 }
        tensors[a]?[2 * 4 * 64 + 1] ^= 0x40
      }
      let check = try check("\(directory)/x")
      #expect(check.entries[0].outcome == .otherWeights([SwitchSite(layer: 0, module: .output)]))
      #expect(check.entries[1].outcome == .unknown)
      // Slot 3 has no weights at all.
      try changed("\(directory)/y") { tensors in
        for (name, bytes) in tensors {
          let third = bytes.count / 3
          tensors[name]?.replaceSubrange((2 * third)..., with: [UInt8](repeating: 0, count: bytes.count - 2 * third))
        }
      }
      let emptied = try self.check("\(directory)/y")
      #expect(emptied.entries[2].outcome == .empty && emptied.entries[2].passed)
      #expect(emptied.unused.count == 1)
    }
  }

  private static let configurations: [(String, String, SwitchErrorCode)] = [
    (#""model_type": "granite_switch""#, #""model_type": "llama""#, .notASwitch),
    (#""dual_stream": false"#, #""dual_stream": true"#, .shadowResidual),
    (#""max_lora_rank": 4"#, #""max_lora_rank": 5"#, .inconsistentSlots),
    (#""num_adapters": 3"#, #""num_adapters": 2"#, .inconsistentSlots),
    (#""adapter_token_ids": ["#, #""adapter_token_ids": [30,"#, .inconsistentSlots),
    (#""adapter_token_ids": ["#, #""adapter_token_ids": [30, 30, 31], "x": ["#, .inconsistentSlots),
  ]

  @Test(arguments: configurations) func whatIsNoSwitchIsRefused(
    _ old: String, _ new: String, _ code: SwitchErrorCode
  ) throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/model"
      try FileManager.default.copyItem(atPath: testData("switch/composed"), toPath: path)
      let text = String(decoding: try readFile("\(path)/config.json"), as: UTF8.self)
      try #require(text.contains(old))
      try writeFile(Array(text.replacing(old, with: new).utf8), to: "\(path)/config.json")
      let error = #expect(throws: SwitchError.self) { try SwitchModel(path: path) }
      #expect(error?.code == code)
    }
  }

  @Test func otherShapesAreRefused() throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/model"
      try FileManager.default.copyItem(atPath: testData("switch/composed"), toPath: path)
      let weights = String(decoding: try readFile("\(path)/model.safetensors"), as: UTF8.self)
      #expect(weights.contains("[3,1,4,64]"))
      var bytes = try readFile("\(path)/model.safetensors")
      for (old, new) in [("[3,1,4,64]", "[3,4,1,64]"), ("o_proj.lora_B", "o_proj.lora_C")] {
        let place = try #require(bytes.indices.first { bytes[$0...].starts(with: old.utf8) })
        let original = bytes
        bytes.replaceSubrange(place..<(place + old.utf8.count), with: new.utf8)
        try writeFile(bytes, to: "\(path)/model.safetensors")
        let error = #expect(throws: SwitchError.self) { try SwitchModel(path: path) }
        #expect(error?.code == .wrongShape)
        bytes = original
      }
    }
  }

  @Test func aGGUFsRowsAreOrderedByHalves() {
    var factors = SlotFactors(a: [0], b: [0, 1, 2, 3, 4, 5, 6, 7], rank: 1, precision: 0)
    // Two heads of four rows: llama.cpp stores 0 2 1 3 of each.
    factors.b = [0, 2, 1, 3, 4, 6, 5, 7]
    factors.orderRowsByHalves(headCount: 2)
    #expect(factors.b == [0, 1, 2, 3, 4, 5, 6, 7])
  }
}

/// The same slots as a GGUF, whose converter reorders rows and puts a slot of zeros first.
@Suite struct SwitchGGUFTests {
  /// - Parameter counts: of the heads of queries and keys.
  private func write(to path: String, counts: (query: UInt32, key: UInt32) = (4, 2)) throws {
    let model = try SwitchModel(path: testData("switch/composed"))
    let name = "graniteswitch"
    var metadata = GGUFMetadata()
    metadata["general.architecture"] = .bytes(Array(name.utf8))
    metadata["\(name).adapters.count"] = .uint32(3)
    metadata["\(name).adapters.lora_rank"] = .uint32(4)
    metadata["\(name).adapters.token_ids_activate"] = .array(GGUFArray([29, 30, 31] as [UInt32]))
    metadata["\(name).adapters.token_ids_substitute"] = .array(GGUFArray([7, 5, 8] as [UInt32]))
    metadata["\(name).attention.head_count"] = .uint32(counts.query)
    metadata["\(name).attention.head_count_kv"] = .uint32(counts.key)
    var tensors: [(declaration: TensorDeclaration, values: [Float])] = []
    for site in model.sites {
      let slots = try model.slots.compactMap { try model.factors($0, at: site) }
      let heads = site.module == .query ? 4 : site.module == .key ? 2 : nil
      func add(_ letter: String, _ values: [[Float]], rows: Int, columns: Int) throws {
        let shape = try #require(Shape([4, rows, columns]))
        let zeros = [Float](repeating: 0, count: rows * columns)
        tensors.append(
          (
            TensorDeclaration(name: "blk.0.\(site.module.ggufName).lora_\(letter)", dtype: .f32, shape: shape),
            zeros + values.joined()
          ))
      }
      try add("a", slots.map(\.a), rows: 4, columns: slots[0].inputCount)
      try add(
        "b", slots.map { heads == nil ? $0.b : Self.pairs($0.b, rank: 4, heads: heads ?? 1) },
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
  private static func pairs(_ b: [Float], rank: Int, heads: Int) -> [Float] {
    let height = b.count / rank / heads
    return (0..<heads).flatMap { head in
      (0..<height).flatMap { place -> ArraySlice<Float> in
        let row = head * height + place / 2 + (place % 2) * (height / 2)
        return b[(row * rank)..<((row + 1) * rank)]
      }
    }
  }

  @Test func aGGUFHasTheSameSlots() throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/switch.gguf"
      try write(to: path)
      let check = try SwitchCheck(SwitchModel(path: path), library: testData("switch"))
      let names = check.entries.map { $0.adapter?.split(separator: "/").last.map(String.init) }
      #expect(names == ["plain", "ranked", "patterned"] && check.entries[0].outcome == .equal)
      guard case .wrongScaling(let wrong, .rankStabilizationIgnored) = check.entries[1].outcome else {
        Issue.record("\(check.entries[1])")
        return
      }
      #expect(wrong.count == 4 && check.model.isGGUF && check.model.gain == nil)
    }
  }

  @Test func headsThatDoNotDivideTheRowsAreRefused() throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/switch.gguf"
      try write(to: path, counts: (7, 2))
      let error = #expect(throws: SwitchError.self) { try SwitchModel(path: path) }
      #expect(error?.code == .wrongShape)
    }
  }
}
