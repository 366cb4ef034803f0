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
    #expect(model.slots.map(\.declaredRank) == [2, 4, 3] && model.rank == 4 && model.description.gain == 15)
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

  @Test func changedWeightsAreNotTheAdapters() throws {
    let b = "model.layers.0.self_attn.o_proj.lora_B"
    let a = "model.layers.0.self_attn.o_proj.lora_A"
    try withTemporaryDirectory { directory in
      // The sign of one column of slot 1's B, and one element of slot 2's A.
      try changeSwitch("\(directory)/x") { tensors in
        for row in 0..<64 { tensors[b]?[row * 8 + 1] ^= 0x80 }
        tensors[a]?[2 * 4 * 64 + 1] ^= 0x40
      }
      let check = try check("\(directory)/x")
      #expect(check.entries[0].outcome == .otherWeights([SwitchSite(layer: 0, module: .output)]))
      #expect(check.entries[1].outcome == .unknown)
      // Slot 3 has no weights at all.
      try changeSwitch("\(directory)/y") { tensors in
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
      try replace(old, with: new, inConfigurationOf: path)
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
