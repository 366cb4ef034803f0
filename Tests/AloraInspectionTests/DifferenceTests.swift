import AloraInspection
import AloraTestSupport
import Foundation
import Testing

/// Metadata of two of one kind are compared as a whole.
@Suite struct DifferenceTests {
  /// A difference in the metadata; nil for what one side does not have.
  private struct Change: Equatable {
    let name: String
    let first: String?
    let second: String?

    init(_ name: String, _ first: String?, _ second: String?) {
      self.name = name
      self.first = first
      self.second = second
    }
  }

  private func changes(_ first: String, _ second: String) throws -> [Change] {
    let difference = try Difference(Subject(path: first), Subject(path: second))
    #expect(difference.comparesWholeMetadata && difference.entries.allSatisfy { $0.kind == .metadata })
    func text(_ value: Difference.Entry.Value?) -> String? {
      if case .metadata(let text) = value { text } else { nil }
    }
    return difference.entries.map { Change($0.name, text($0.first), text($0.second)) }
  }

  /// Of two adapters with these members in their configurations.
  private func adapterChanges(_ first: String, _ second: String) throws -> [Change] {
    try withTemporaryDirectory { directory in
      for (name, members) in [("a", first), ("b", second)] {
        var builder = AdapterBuilder()
        builder.configurationText = #"{"peft_type": "LORA", "r": 4\#(members.isEmpty ? "" : ", ")\#(members)}"#
        try builder.write(to: directory + "/" + name)
      }
      return try changes(directory + "/a", directory + "/b")
    }
  }

  /// These had no difference.
  @Test func membersOfAConfigurationAreCompared() throws {
    let cases: [(String, String, Change)] = [
      (
        #""alpha_pattern": {"a": 1, "b": 2}"#, #""alpha_pattern": {"b": 2, "a": 1}"#,
        Change("alpha_pattern", #"{"a": 1, "b": 2}"#, #"{"b": 2, "a": 1}"#)
      ),
      (#""rank_pattern": {}"#, #""rank_pattern": {"a": 8}"#, Change("rank_pattern", nil, #"{"a": 8}"#)),
      (#""invocation_string": "hi""#, "", Change("invocation_string", #""hi""#, nil)),
      (
        #""alora_invocation_tokens": [1, 2]"#, #""alora_invocation_tokens": [2, 1]"#,
        Change("alora_invocation_tokens", "[1, 2]", "[2, 1]")
      ),
      (#""target_modules": ["a"]"#, #""target_modules": "a""#, Change("target_modules", #"["a"]"#, #""a""#)),
      (#""lora_alpha": 32"#, #""lora_alpha": 16.5"#, Change("lora_alpha", "32", "16.5")),
      ("", #""lora_dropout": 0"#, Change("lora_dropout", nil, "0")),
      (
        #""eva_config": {"rho": 2, "tau": {"x": 1}}"#, #""eva_config": {"rho": 2, "tau": {"x": true}}"#,
        Change("eva_config.tau.x", "1", "true")
      ),
      (
        #""auto_mapping": {"a": 9007199254740993}"#, #""auto_mapping": {"a": 9007199254740992}"#,
        Change("auto_mapping.a", "9007199254740993", "9007199254740992")
      ),
    ]
    for (first, second, expected) in cases { #expect(try adapterChanges(first, second) == [expected]) }
  }

  @Test func membersOfTheSameMeaningAreEqual() throws {
    let cases: [(String, String)] = [
      (#""target_modules": ["q_proj", "v_proj"]"#, #""target_modules": ["v_proj", "q_proj"]"#),
      (#""lora_alpha": 32, "lora_dropout": 0.1"#, #""lora_dropout": 1e-1, "lora_alpha": 32.0"#),
      ("", #""use_dora": false, "alpha_pattern": {}, "exclude_modules": [], "revision": null, "eva_config": {}"#),
      (#""task_type": "\u0041""#, #""task_type": "A""#),
    ]
    for (first, second) in cases { #expect(try adapterChanges(first, second).isEmpty, "\(first)") }
  }

  /// Swift holds both spellings of é for the same.
  @Test func canonicallyEqualTextsDiffer() throws {
    let values = try adapterChanges(#""revision": "\u00e9""#, #""revision": "e\u0301""#)
    #expect(values.map(\.name) == ["revision"])
    let keys = try adapterChanges(#""auto_mapping": {"\u00e9": 1}"#, #""auto_mapping": {"e\u0301": 1}"#)
    #expect(keys.map(\.first) == ["1", nil] && keys.map(\.second) == [nil, "1"])
  }

  @Test func longValuesAreCut() throws {
    let text = String(repeating: "x", count: 100)
    let entry = try #require(try adapterChanges("", #""revision": "\#(text)""#).first)
    #expect(entry.second == "\"" + String(repeating: "x", count: 71) + "…")
  }

  /// A base's directory with another text in its config.json.
  @Test func configurationsOfBasesAreCompared() throws {
    let base = try testData("inference/llama/base")
    let text = String(decoding: try readFile(base + "/config.json"), as: UTF8.self)
    let cases: [(String, String, [Change])] = [
      (#""rope_theta": 10000.0"#, #""rope_theta": 20000"#, [Change("rope_parameters.rope_theta", "10000", "20000")]),
      (#""rope_theta": 10000.0"#, #""rope_theta": 1e4, "factor": null"#, []),
      (#""use_cache": true"#, #""use_cache": false"#, [Change("use_cache", "true", "false")]),
      (#""use_cache": true"#, #""use_cache": NaN"#, [Change("use_cache", "true", "NaN")]),
      (#""use_cache": true,"#, "", [Change("use_cache", "true", nil)]),
      (#""use_cache": true"#, #""use_cache": true, "more": false"#, [Change("more", nil, "false")]),
    ]
    try withTemporaryDirectory { directory in
      try writeFile(readFile(base + "/model.safetensors"), to: directory + "/model.safetensors")
      for (found, replacement, expected) in cases {
        let changed = text.replacing(found, with: replacement)
        #expect(changed != text, "\(found)")
        try writeFile(Array(changed.utf8), to: directory + "/config.json")
        #expect(try changes(base, directory) == expected, "\(replacement)")
      }
    }
  }

  @Test func metadataOfSafetensorsAreCompared() throws {
    try withTemporaryDirectory { directory in
      for (name, metadata) in [("a", #"{"format": "pt", "x": "é"}"#), ("b", #"{"x": "e\u0301", "y": ""}"#)] {
        var builder = AdapterBuilder()
        builder.tensors = [.init("w", [2], [1, 2])]
        builder.header = #"{"__metadata__":\#(metadata),"w":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}"#
        try writeFile(builder.safetensors(), to: "\(directory)/\(name).safetensors")
      }
      let found = try changes(directory + "/a.safetensors", directory + "/b.safetensors")
      #expect(found.map(\.name) == ["format", "x", "y"])
      #expect(found.map(\.first) == [#""pt""#, #""é""#, nil] && found.last?.second == "\"\"")
    }
  }
}
