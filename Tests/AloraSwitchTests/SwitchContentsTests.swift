import AloraInspection
import AloraReports
import AloraSystem
import AloraTestSupport
import Foundation
import Testing

@testable import AloraSwitch

/// What `inspect` shows of a Granite Switch.
@Suite struct SwitchContentsTests {
  private func contents(_ path: String) throws -> SwitchContents {
    let inspection = try Inspection(subject: Subject(path: path), path: path, listsTensors: false, hasValues: false)
    return try #require(inspection.slots).get()
  }

  @Test func everySlotHasItsRankAndModules() throws {
    let contents = try contents(testData("switch/composed"))
    #expect(contents.entries.map(\.rank) == [2, 4, 3] && contents.findings == [])
    for entry in contents.entries {
      #expect(entry.groups == [.init(modules: [.query, .value, .output, .up], layers: [0])])
      #expect(entry.controlText == nil)
    }
  }

  @Test func aGGUFHasTheSameSlotsAndItsOwnFindings() throws {
    try withTemporaryDirectory { directory in
      try writeSwitch(to: "\(directory)/x.gguf")
      let contents = try contents("\(directory)/x.gguf")
      #expect(contents.entries.map(\.rank) == [2, 4, 3])
      #expect(
        contents.entries.allSatisfy { $0.groups == [.init(modules: [.query, .value, .output, .up], layers: [0])] })
      // The converter counts one layer too many.
      #expect(
        contents.findings == [.average(first: 1, second: 3, active: 2), .otherLayerCount(declared: 2, found: 1)])
      try writeSwitch(to: "\(directory)/y.gguf", base: 1)
      #expect(try self.contents("\(directory)/y.gguf").findings.contains(.changedBase(siteCount: 6)))
    }
  }

  private static let configurations: [(String, String, [SwitchFinding])] = [
    (
      #""vocab_size": 32"#, #""vocab_size": 31"#,
      [.controlTokenOutsideVocabulary(slot: 3, token: 31, vocabularySize: 31)]
    ),
    (
      #""adapter_substitute_token_ids": ["#, #""adapter_substitute_token_ids": [32, 30, 30], "x": ["#,
      [
        .substituteOutsideVocabulary(slot: 1, token: 32, vocabularySize: 32),
        .substituteIsControlToken(slot: 2, token: 30), .substituteIsControlToken(slot: 3, token: 30),
      ]
    ),
    (#""ranked","#, #""plain","#, [.repeatedName("plain", slots: [1, 2])]),
    (
      #""adapter_ranks": ["#, #""adapter_ranks": [4, 4, 3], "x": ["#,
      [.otherRank(slot: 1, declared: 4, found: 2)]
    ),
    (#""num_hidden_layers": 3"#, #""num_hidden_layers": 4"#, [.otherLayerCount(declared: 2, found: 1)]),
    // An early checkpoint has one layer less of its own, and averages.
    (
      #""ms_code_m": 6"#, #""x": 6"#,
      [.average(first: 1, second: 3, active: 2), .otherLayerCount(declared: 2, found: 1)]
    ),
  ]

  @Test(arguments: configurations) func whatIsWrongWithAConfigurationIsFound(
    _ old: String, _ new: String, _ findings: [SwitchFinding]
  ) throws {
    try withTemporaryDirectory { directory in
      let path = "\(directory)/model"
      try FileManager.default.copyItem(atPath: testData("switch/composed"), toPath: path)
      try replace(old, with: new, inConfigurationOf: path)
      #expect(try contents(path).findings == findings)
    }
  }

  @Test func anEmptySlotIsFoundAndABrokenSwitchIsShownWithTheReason() throws {
    try withTemporaryDirectory { directory in
      try changeSwitch("\(directory)/x") { tensors in
        for (name, bytes) in tensors where name.contains("lora_B") {
          tensors[name]?.replaceSubrange(..<(bytes.count / 3), with: [UInt8](repeating: 0, count: bytes.count / 3))
        }
      }
      let contents = try contents("\(directory)/x")
      #expect(contents.findings == [.emptySlot(1)] && contents.entries[0].rank == 0 && contents.entries[0].groups == [])
      let path = "\(directory)/x/config.json"
      let text = String(decoding: try readFile(path), as: UTF8.self)
      try writeFile(Array(text.replacing(#""num_adapters": 3"#, with: #""num_adapters": 9"#).utf8), to: path)
      let inspection = try Inspection(
        subject: Subject(path: "\(directory)/x"), path: "x", listsTensors: false, hasValues: false)
      guard case .failure(let reason) = inspection.slots else {
        Issue.record("the slots were read")
        return
      }
      #expect(reason.problem.contains("9 adapters"))
      #expect(inspection.text(TextStyle(hasColor: false)).contains("the slots can't be read"))
    }
  }

  @Test func aModelWithoutSlotsHasNone() throws {
    let path = try testData("inference/llama/base")
    let inspection = try Inspection(subject: Subject(path: path), path: path, listsTensors: false, hasValues: false)
    #expect(inspection.slots == nil)
  }
}

/// `diff` of two switches, slot by slot.
@Suite struct SwitchDifferenceTests {
  private func difference(_ first: String, _ second: String) throws -> Difference {
    try Difference(Subject(path: first), Subject(path: second))
  }

  @Test func aCheckpointAndItsGGUFAreTheSame() throws {
    try withTemporaryDirectory { directory in
      let (path, gguf) = (try testData("switch/composed"), "\(directory)/x.gguf")
      try writeSwitch(to: gguf)
      #expect(try difference(path, gguf).isEmpty && difference(gguf, path).isEmpty && difference(path, path).isEmpty)
      #expect(try difference(path, gguf).comparedTensorCount == 3 * 6 * 2)
    }
  }

  @Test func eachSlotsChangeIsNamed() throws {
    try withTemporaryDirectory { directory in
      let path = try testData("switch/composed")
      try changeSwitch("\(directory)/x") { tensors in
        // One element of slot 2's A, and all of slot 3's B, of one module.
        tensors["model.layers.0.self_attn.o_proj.lora_A"]?[2 * 4 * 64 + 1] ^= 0x40
        let b = tensors["model.layers.0.self_attn.o_proj.lora_B"]?.count ?? 0
        tensors["model.layers.0.self_attn.o_proj.lora_B"]?.replaceSubrange(
          (2 * b / 3)..., with: [UInt8](repeating: 0, count: b / 3))
      }
      let config = "\(directory)/x/config.json"
      let text = String(decoding: try readFile(config), as: UTF8.self)
      try writeFile(Array(text.replacing(#""patterned""#, with: #""other""#).utf8), to: config)
      let entries = try difference(path, "\(directory)/x").entries.filter { $0.name.hasPrefix("slot") }
      #expect(entries.map(\.name) == ["slot.2.0.output.lora_a", "slot.3.name", "slot.3.0.output"])
      #expect(entries.map(\.kind) == [.values, .metadata, .onlyInFirst])
      // The tensors that hold all slots aren't compared once more.
      #expect(try !difference(path, "\(directory)/x").entries.contains { $0.name.contains("o_proj") })
      let gguf = "\(directory)/x.gguf"
      try writeSwitch(to: gguf)
      // A GGUF doesn't name its slots.
      #expect(
        try difference(gguf, "\(directory)/x").entries.map(\.name) == ["slot.2.0.output.lora_a", "slot.3.0.output"])
    }
  }
}
