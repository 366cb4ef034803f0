import AloraJSON
import AloraNPZ
import AloraTensors
import AloraTestSupport
import Foundation
import Testing

/// The five proofs through the command itself, on tiny models and PEFT's own logits.
@Suite struct VerifyCommandTests {
  /// The causes that a report names.
  static func causes(_ report: JSON) throws -> [JSON] {
    try report["proofs"].elements().flatMap { try $0["findings"].elements() }
      .compactMap { try $0[optional: "cause"]?["cause"] }
  }

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
