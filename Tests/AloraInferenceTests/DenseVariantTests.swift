import AloraSystem
import AloraGGUF
import AloraModels
import AloraTestSupport
import Foundation
import Testing

@testable import AloraInference

/// Variants that the engine refuses by name, although their adapters can be converted.
@Suite struct DenseVariantTests {
  @Test(arguments: [
    ("gemma4", #""num_kv_shared_layers": 0"#, #""num_kv_shared_layers": 2"#, "there is none"),
    ("gemma4", #""num_kv_shared_layers": 0"#, #""num_kv_shared_layers": 3"#, "3 of 3 layers can't attend"),
    ("gemma4-shared", #""vocab_size_per_layer_input": 12"#, #""vocab_size_per_layer_input": 11"#, "no embedding"),
    ("gemma4-shared", #""hidden_size_per_layer_input": 3"#, #""hidden_size_per_layer_input": 9999999"#, "elements for"),
    ("gemma3n", #""altup_num_inputs": 4"#, #""altup_num_inputs": 1"#, "altup_num_inputs"),
    ("gemma3n", #""altup_active_idx": 0"#, #""altup_active_idx": 4"#, "altup_active_idx"),
    ("gemma3n", #""hidden_size_per_layer_input": 3"#, #""hidden_size_per_layer_input": 0"#, "without embeddings"),
    ("gemma4", #""use_bidirectional_attention": null"#, #""use_bidirectional_attention": "all""#, "later tokens"),
    ("olmo3", #""rope_parameters""#, #""rope_theta": 10000.0, "rope_parameters_before""#, "transformers 4 to all"),
    ("ministral3", #""rope_parameters""#, #""other""#, "doesn't describe the rotary embedding"),
  ]) func aConfigurationIsRefusedByName(_ name: String, _ before: String, _ after: String, _ problem: String) throws {
    let error = try error(name) { $0.replacing(before, with: after) }
    #expect(
      error?.code == .unsupportedVariant && error?.problem.contains(problem) == true, "\(String(describing: error))")
  }

  /// Images may look at each other; text doesn't.
  @Test func attentionThatIsBidirectionalForImagesIsNoObstacle() throws {
    let error = try error("gemma4") {
      $0.replacing(#""use_bidirectional_attention": null"#, with: #""use_bidirectional_attention": "vision""#)
    }
    #expect(error == nil)
  }

  /// In SmolLM 3, layers without positions have the window, if there is one, unless the configuration lists the layers' kinds.
  @Test func aWindowOfSmolLM3IsForLayersWithoutPositions() throws {
    func windows(_ kinds: String) throws -> [Int?] {
      try withConfiguration("smollm3-layers") { text in
        text.replacing(#/"layer_types": \[[^\]]*\]/#) { _ in kinds }
          .replacing(#/"no_rope_layers": \[[^\]]*\]/#) { _ in #""no_rope_layers": null"# }
          .replacing(#""no_rope_layer_interval": 4"#, with: #""no_rope_layer_interval": 2"#)
          .replacing(#""sliding_window": null"#, with: #""sliding_window": 5"#)
          .replacing(#""use_sliding_window": false"#, with: #""use_sliding_window": true"#)
      } _: {
        try ModelSource(path: $0).graph().layers.map { $0.attention?.shape.window }
      }
    }
    let count = try ModelSource(path: testData("inference/smollm3-layers/base")).graph().layers.count
    #expect(try windows(#""layer_types": null"#) == (0..<count).map { $0 % 2 == 1 ? 5 : nil })
    let kinds = (0..<count).map { $0 == 0 ? #""sliding_attention""# : #""full_attention""# }
    #expect(
      try windows("\"layer_types\": [\(kinds.joined(separator: ", "))]") == (0..<count).map { $0 == 0 ? 5 : nil })
  }

  /// Gemma 3's class has Gemma 2's field and doesn't use it.
  @Test func gemma3CapsNoScores() throws {
    let caps = try withConfiguration("gemma3") { text in
      text.replacing(#""attn_logit_softcapping": null"#, with: #""attn_logit_softcapping": 2.0"#)
    } _: {
      try ModelSource(path: $0).graph().layers.map { $0.attention?.shape.softCap }
    }
    #expect(!caps.isEmpty && caps.allSatisfy { $0 == nil })
  }

  /// Models published before transformers 5.24 state the sizes once for all layers without a window.
  @Test func theHeadsOfGemma4HaveTwoSpellings() throws {
    let name = "gemma4"
    func shapes(_ change: (String) -> String) throws -> [AttentionShape] {
      try withConfiguration(name, change) { try ModelSource(path: $0).graph().layers.compactMap(\.attention?.shape) }
    }
    let stated = try shapes { $0 }
    let old = try shapes {
      $0.replacing(#/"per_layer_config": \{[^{}]*(\{[^{}]*\}[^{}]*)*\}/#) { _ in
        #""global_head_dim": 12, "num_global_key_value_heads": 1"#
      }
    }
    #expect(
      stated == old && stated.map(\.headDimension) == [8, 12, 12] && stated.map(\.keyValueHeadCount) == [2, 1, 1])
  }

  @Test(arguments: [
    ("glm4", "glm4.rope.dimension_sections", GGUFValue.uint32(8), "M-RoPE"),
    ("glm4", "glm4.nextn_predict_layers", .uint32(1), "more tokens"),
    ("exaone4", "exaone4.nextn_predict_layers", .uint32(1), "more tokens"),
    ("gemma4", "gemma4.attention.shared_kv_layers", .uint32(2), "there is none"),
  ]) func aGGUFIsRefusedByName(_ name: String, _ key: String, _ value: GGUFValue, _ problem: String) throws {
    try withTemporaryDirectory { directory in
      let (whole, changed) = (directory + "/whole.gguf", directory + "/changed.gguf")
      let byteCount = try #require(RebuiltGGUFTests.described[name]).file_byte_count
      var bytes = try readFile(testData("inference/\(name)/base-header.gguf"))
      bytes += [UInt8](repeating: 0, count: byteCount - bytes.count)
      try writeFile(bytes, to: whole)
      #expect(throws: Never.self) { try ModelGraph(gguf: GGUFFileSet(path: whole)) }
      try rewriteGGUF(whole, to: changed, key: key, value: value)
      let error = caught(ArchitectureError.self) { _ = try ModelGraph(gguf: GGUFFileSet(path: changed)) }
      #expect(
        error?.code == .unsupportedVariant && error?.problem.contains(problem) == true, "\(String(describing: error))")
    }
  }

  private func error(_ name: String, _ change: (String) -> String) throws -> ArchitectureError? {
    try withConfiguration(name, change) { path in
      caught(ArchitectureError.self) { _ = try ModelSource(path: path).graph() }
    }
  }

  /// Calls `body` with a copy of a base whose configuration is changed.
  private func withConfiguration<Result>(
    _ name: String, _ change: (String) -> String, _ body: (String) throws -> Result
  ) throws -> Result {
    try withTemporaryDirectory { directory in
      let base = try testData("inference/\(name)/base")
      try FileManager.default.copyItem(
        atPath: base + "/model.safetensors", toPath: directory + "/model.safetensors")
      try writeFile(
        Array(change(String(decoding: try readFile(base + "/config.json"), as: UTF8.self)).utf8),
        to: directory + "/config.json")
      return try body(directory)
    }
  }
}
