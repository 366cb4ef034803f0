import AloraJSON
import AloraNPZ
import AloraTensors
import AloraTestSupport
import Foundation
import Testing

/// The five proofs through the command itself, on tiny models and PEFT's own logits.
@Suite struct VerifyCommandTests {
  private func verify(_ adapter: String, base: String, golden: String?, more: [String] = []) throws -> (
    status: Int32, report: JSON, failed: [String]
  ) {
    let arguments =
      ["verify", "--model", base, "--adapter", adapter, "--json"] + (golden.map { ["--golden", $0] } ?? [])
    let result = try runAlora(arguments + more)
    #expect(result.exitedNormally, "\(result.errors)")
    let report = try parseJSON(result.output)
    #expect(try SchemaValidator(path: testData("../schemas/verify.schema.json")).violations(in: report) == [])
    let failed = try report["proofs"].elements().filter { try !$0["passed"].boolean() }
    return (result.status, report, try failed.map { try $0["proof"].string() })
  }

  @Test(arguments: ["llama", "granite-moe", "gemma2", "phi3", "qwen3", "llama-lora"])
  func goodAdaptersPass(_ name: String) throws {
    let base = try testData("inference/\(name)/base")
    for golden in [try testData("inference/\(name)/golden.npz"), nil] {
      let result = try verify(testData("inference/\(name)/adapter"), base: base, golden: golden)
      #expect(result.status == 0 && result.failed == [], "\(name): \(result.report.serialized)")
    }
  }

  /// What a report shows position by position.
  @Test func figuresOfEachPosition() throws {
    let (base, adapter) = (try testData("inference/llama/base"), try testData("inference/llama/adapter"))
    let path = try testData("inference/llama/golden.npz")
    let golden = try GoldenCase(path: path, index: 1)
    let report = try verify(adapter, base: base, golden: path).report
    let item = try report["cases"].elements()[1]
    let start = try item["activation_start"].integer()
    #expect(try item["tokens"].elements().map { try $0.integer() } == golden.tokens && start == golden.start)
    let positions = try item["positions"].elements()
    #expect(try positions.map { try $0["position"].integer() } == Array(golden.tokens.indices))
    for position in positions {
      let index = try position["position"].integer()
      #expect(try (position["effect"].number() == 0) == (index < start))
      for kind in ["base", "adapted"] {
        let row = try position[kind]
        #expect(try row["relative_delta"].number() < 1e-5 && row["divergence_nats"].number() < 1e-9)
        #expect(try row["rank_of_golden_top"].integer() == 1 && row["same_top"].boolean())
        #expect(try row["golden_top"].integer() == golden.top(kind, at: index))
      }
    }
    let tops = try item["top_tokens"].elements()
    #expect(tops.count == positions.count)
    #expect(
      try tops.allSatisfy {
        try $0["golden"].elements()[0]["token"].integer() == $0["adapted"].elements()[0]["token"].integer()
      })
    let cache = try item["cache"].elements()
    #expect(try cache.map { try $0["adapted"].boolean() } == [false, true] && cache[1]["first"].integer() == start)
    // Without goldens: no comparisons, but what the adapter does.
    let plain = try verify(adapter, base: base, golden: nil).report["cases"].elements()
    #expect(try plain.map { try $0["name"].string() } == ["middle", "twice", "first", "last", "none"])
    #expect(try plain.allSatisfy { try $0["positions"].elements().allSatisfy { try $0[optional: "adapted"] == nil } })
    #expect(try plain[4][optional: "activation_start"] == nil && plain[0][optional: "activation_start"] != nil)
  }

  /// The first case of a golden file, read again.
  private struct GoldenCase {
    let tokens: [Int]
    let start: Int
    private let rows: [String: [Float]]

    init(path: String, index: Int) throws {
      let file = try NPZFile(path: path)
      tokens = try file.integers(named: "tokens_\(index)")
      start = try file.integer(named: "activation_start_\(index)")
      rows = [
        "base": try file.floats(named: "base_logits_\(index)"),
        "adapted": try file.floats(named: "adapted_logits_\(index)"),
      ]
    }

    func top(_ kind: String, at position: Int) -> Int? {
      let width = (rows[kind]?.count ?? 0) / tokens.count
      let row = rows[kind]?[(position * width)..<((position + 1) * width)] ?? []
      return row.indices.max { row[$0] < row[$1] }.map { $0 - row.startIndex }
    }
  }

  @Test func aConvertedAdapterPasses() throws {
    try withTemporaryDirectory { directory in
      let (base, output) = (try testData("inference/llama/base"), directory + "/a.gguf")
      #expect(
        try runAlora(["convert", testData("inference/llama/adapter"), "--base", base, "--outfile", output]).status == 0)
      let result = try verify(output, base: base, golden: testData("inference/llama/golden.npz"))
      #expect(result.status == 0, "\(result.report.serialized)")
    }
  }

  /// A copy of the llama fixture's adapter with something wrong, and the proof that must fail.
  struct Mutant: CustomTestStringConvertible, Sendable {
    let testDescription: String
    let proof: String
    /// What the failures must name.
    var cause = ""
    let change: @Sendable (_ configuration: inout String, _ weights: inout [UInt8]) -> Void

    static let all: [Mutant] = [
      .init(testDescription: "alpha doubled", proof: "after-activation", cause: "scaling times 0.5") { text, _ in
        text = text.replacing(#/"lora_alpha": (\d+)/#) { "\"lora_alpha\": \((Int($0.1) ?? 1) * 2)" }
      },
      .init(testDescription: "rank-stabilized scaling", proof: "after-activation", cause: "where there is none") {
        text, _ in
        text = text.replacing(#""use_rslora": false"#, with: #""use_rslora": true"#)
      },
      .init(testDescription: "other invocation tokens", proof: "structure") { text, _ in
        text = text.replacing(#/"alora_invocation_tokens": \[[^\]]*\]/#, with: #""alora_invocation_tokens": [9, 7]"#)
      },
      .init(testDescription: "a plain LoRA", proof: "structure") { text, _ in
        text = text.replacing(#/"alora_invocation_tokens": \[[^\]]*\]/#, with: #""alora_invocation_tokens": null"#)
      },
      .init(testDescription: "zero factors", proof: "after-activation") { _, bytes in
        for index in dataStart(bytes)..<bytes.count { bytes[index] = 0 }
      },
      .init(testDescription: "signs of the first kilobyte flipped", proof: "after-activation") { _, bytes in
        let start = dataStart(bytes)
        for index in stride(from: start + 3, to: min(start + 1024, bytes.count), by: 4) { bytes[index] ^= 0x80 }
      },
    ]

    private static func dataStart(_ bytes: [UInt8]) -> Int {
      8 + bytes[0..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
    }
  }

  @Test(arguments: Mutant.all) func mutantsAreCaught(_ mutant: Mutant) throws {
    try withTemporaryDirectory { directory in
      let source = try testData("inference/llama/adapter")
      var configuration = String(decoding: try readFile(source + "/adapter_config.json"), as: UTF8.self)
      var weights = try readFile(source + "/adapter_model.safetensors")
      let before = (configuration, weights)
      mutant.change(&configuration, &weights)
      #expect(configuration != before.0 || weights != before.1)
      try writeFile(Array(configuration.utf8), to: directory + "/adapter_config.json")
      try writeFile(weights, to: directory + "/adapter_model.safetensors")
      let result = try verify(
        directory, base: testData("inference/llama/base"), golden: testData("inference/llama/golden.npz"))
      #expect(result.status == 1 && result.failed.contains(mutant.proof), "\(result.report.serialized)")
      #expect(mutant.cause.isEmpty || result.report.serialized.contains(mutant.cause), "\(result.report.serialized)")
      // Whatever the adapter is, the base's part stays the base's.
      #expect(!result.failed.contains("before-activation") && !result.failed.contains("cache-reuse"))
    }
  }

  @Test func anotherBaseIsNamed() throws {
    try withTemporaryDirectory { directory in
      let base = directory + "/base"
      try FileManager.default.copyItem(atPath: testData("inference/llama/base"), toPath: base)
      let text = String(decoding: try readFile(base + "/config.json"), as: UTF8.self)
      let changed = text.replacing(#/"rms_norm_eps": [0-9.e+-]+/#, with: #""rms_norm_eps": 0.5"#)
      #expect(changed != text)
      try writeFile(Array(changed.utf8), to: base + "/config.json")
      let result = try verify(
        testData("inference/llama/adapter"), base: base, golden: testData("inference/llama/golden.npz"))
      #expect(result.status == 1 && result.failed == ["after-activation"], "\(result.report.serialized)")
      #expect(result.report.serialized.contains("another base"))
    }
  }

  /// A golden that was made with the activation a token off is recognised as that.
  @Test(arguments: [(1, "late"), (-1, "early")]) func aMovedActivationIsNamed(_ shift: Int, _ word: String) throws {
    try withTemporaryDirectory { directory in
      let (base, adapter) = (try testData("inference/llama/base"), try testData("inference/llama/adapter"))
      let (golden, tokens) = (directory + "/g.npz", "1,20,30,40,7,9,7,11,12,13")
      let made = try runAlora([
        "logits", "--model", base, "--adapter", adapter, "--tokens", tokens, "--activation-start", "\(4 + shift)",
        "--output",
        golden,
      ])
      #expect(made.status == 0, "\(made.errors)")
      // `logits_0` becomes `adapted_logits_0`, and what else would say where it starts is left out.
      let archive = try NPZFile(path: golden)
      let writer = try NPZWriter(path: directory + "/h.npz", replacesExisting: false, compression: .stored)
      for (from, to) in [("tokens_0", "tokens_0"), ("logits_0", "adapted_logits_0")] {
        let shape = try archive.array(named: from).shape
        if from == to {
          try writer.add(to, integers: archive.integers(named: from), shape: shape)
        } else {
          try writer.add(to, floats: archive.floats(named: from), shape: shape)
        }
      }
      try writer.finish()
      let result = try verify(adapter, base: base, golden: directory + "/h.npz")
      #expect(result.failed == ["after-activation"])
      #expect(result.report.serialized.contains("activation one token \(word)"), "\(result.report.serialized)")
    }
  }

  @Test func wrongCallsAndFilesAreRefused() throws {
    let (base, adapter) = (try testData("inference/llama/base"), try testData("inference/llama/adapter"))
    #expect(try runAlora(["verify", "--model", base]).status == 2)
    #expect(try runAlora(["verify", "--model", base, "--adapter", adapter, "--tolerance", "2"]).status == 2)
    #expect(
      try runAlora(["verify", "--model", base, "--adapter", adapter, "--golden", testData("npz/stored.npz")]).status
        == 3)
    #expect(
      try runAlora(["verify", "--model", base, "--adapter", adapter, "--golden", "nowhere.npz"]).status == 4)
  }
}
