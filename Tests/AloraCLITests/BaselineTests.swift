import AloraJSON
import AloraTestSupport
import Foundation
import Testing

/// `alora verify --baseline`.
@Suite struct BaselineTests {
  private func verify(
    _ baseline: String, base: String? = nil, adapter: String? = nil, _ more: [String] = []
  ) throws -> (status: Int32, findings: [JSON], errors: String) {
    let result = try runAlora(
      [
        "verify", "--model", try base ?? testData("inference/llama/base"), "--adapter",
        try adapter ?? testData("inference/llama/adapter"), "--baseline", baseline, "--json",
      ] + more)
    guard result.status < 2 else { return (result.status, [], result.errors) }
    let proofs = try parseJSON(result.output)["proofs"].elements()
    #expect(try proofs.count == 6 && proofs[5]["proof"].string() == "baseline")
    #expect(try proofs[..<5].allSatisfy { try $0["passed"].boolean() })
    return (result.status, try proofs[5]["findings"].elements(), result.errors)
  }

  /// Copies a directory and flips one bit in the last byte of a file.
  private func flipped(_ source: String, _ file: String, to target: String) throws -> String {
    try FileManager.default.copyItem(atPath: source, toPath: target)
    var bytes = try readFile(target + "/" + file)
    // Of f32, little-endian: the lowest bit.
    bytes[bytes.count - 4] ^= 1
    try FileManager.default.removeItem(atPath: target + "/" + file)
    try writeFile(bytes, to: target + "/" + file)
    return target
  }

  @Test func theFirstRunRecordsAndLaterOnesAreHeldToIt() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/b.json"
      #expect(try verify(path).status == 0)
      let recorded = try readFile(path)
      let document = try parseJSON(String(decoding: recorded, as: UTF8.self))
      #expect(try SchemaValidator(path: testData("../schemas/baseline.schema.json")).violations(in: document) == [])
      #expect(try verify(path, ["--threads", "3"]).findings.isEmpty)
      #expect(try readFile(path) == recorded)
      #expect(
        try document["cases"].elements().map { try $0["name"].string() } == [
          "middle", "twice", "first", "last", "none",
        ])
    }
  }

  @Test func oneBitOfAnAdapterIsNamedWithItsPosition() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/b.json"
      #expect(try verify(path).status == 0)
      let recorded = try readFile(path)
      let adapter = try flipped(
        testData("inference/llama/adapter"), "adapter_model.safetensors", to: directory + "/adapter")
      let result = try verify(path, adapter: adapter)
      #expect(result.status == 1)
      #expect(try result.findings[0]["finding"]["kind"].string() == "baseline-file-changed")
      #expect(try result.findings[0]["finding"]["file"].string() == "adapter")
      let changes = try result.findings.dropFirst().map { try ($0["case"].integer(), $0["finding"]) }
      // The invocation of the first prompt starts at 37; the bit shows from the fourth token on, on every machine.
      #expect(
        try changes.contains {
          try $0 == 0 && $1["subject"].string() == "adapted_cache" && $1["first_position"].integer() == 40
        }, "\(result)")
      #expect(try changes.allSatisfy { try $0.1["subject"].string().hasPrefix("adapted") })
      #expect(try readFile(path) == recorded)
      #expect(try verify(path, adapter: adapter, ["--accept"]).status == 0)
      #expect(try verify(path, adapter: adapter).status == 0)
      #expect(try verify(path).status == 1)
    }
  }

  @Test func oneBitOfABaseIsNamed() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/b.json"
      #expect(try verify(path).status == 0)
      let names = try FileManager.default.contentsOfDirectory(atPath: testData("inference/llama/base"))
      let weights = try #require(names.first { $0.hasSuffix(".safetensors") })
      let base = try flipped(testData("inference/llama/base"), weights, to: directory + "/base")
      let result = try verify(path, base: base)
      #expect(try result.status == 1 && result.findings[0]["finding"]["file"].string() == "model", "\(result)")
    }
  }

  @Test func anotherInvocationMakesOtherPrompts() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/b.json"
      #expect(try verify(path).status == 0)
      let adapter = directory + "/adapter"
      try FileManager.default.copyItem(atPath: testData("inference/llama/adapter"), toPath: adapter)
      let text = String(decoding: try readFile(adapter + "/adapter_config.json"), as: UTF8.self)
      try FileManager.default.removeItem(atPath: adapter + "/adapter_config.json")
      let changed = text.replacing(
        #/"alora_invocation_tokens": \[[^\]]*\]/#, with: #""alora_invocation_tokens": [9, 8]"#)
      try writeFile(Array(changed.utf8), to: adapter + "/adapter_config.json")
      let result = try verify(path, adapter: adapter)
      #expect(
        try result.status == 1
          && result.findings.contains { try $0["finding"]["kind"].string() == "baseline-prompts-changed" }, "\(result)")
    }
  }

  /// There a mistyped path would pass for ever.
  @Test func aRunInCIRecordsOnlyWhenItIsTold() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/b.json"
      let call = [
        "verify", "--model", try testData("inference/llama/base"), "--adapter", try testData("inference/llama/adapter"),
        "--baseline", path,
      ]
      for (name, value) in [("CI", "true"), ("BUILD_NUMBER", "12"), ("TF_BUILD", "True")] {
        let result = try runAlora(call, environment: [name: value])
        #expect(result.status == 4 && result.output.isEmpty && !FileManager.default.fileExists(atPath: path))
        #expect(result.errors.contains("\(path): cannot open: it doesn't exist; in CI (\(name) is set)"))
        #expect(result.errors.contains("--accept"))
      }
      #expect(try runAlora(call + ["--accept"], environment: ["CI": "true"]).status == 0)
      let held = try runAlora(call + ["--json"], environment: ["CI": "true"])
      #expect(try held.status == 0 && outcome(held.output) == "passed")
      for value in ["", "0", "false"] {
        try FileManager.default.removeItem(atPath: path)
        let result = try runAlora(call + ["--json"], environment: ["CI": value])
        #expect(try result.status == 0 && outcome(result.output) == "recorded")
        #expect(result.errors.contains("are now in \(path): commit it"))
      }
    }
  }

  /// A run with a failed proof must not become a baseline.
  @Test func aFailingRunIsNotRecorded() throws {
    try withTemporaryDirectory { directory in
      let result = try runAlora([
        "verify", "--model", testData("inference/llama/base"), "--adapter", testData("inference/llama/adapter"),
        "--golden", testData("inference/llama/golden.npz"), "--tolerance", "1e-12", "--baseline", directory + "/b.json",
      ])
      #expect(result.status == 1)
      #expect(!FileManager.default.fileExists(atPath: directory + "/b.json"))
    }
  }

  @Test func whatIsNoBaselineIsRefused() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/b.json"
      #expect(try verify(path).status == 0)
      let text = String(decoding: try readFile(path), as: UTF8.self)
      for (from, to, problem) in [
        (#""exactness_version":\#(try version(text))"#, #""exactness_version":999"#, "exactness version 999"),
        (#""alora_baseline":1"#, #""alora_baseline":2"#, "format 2"), (#""base":["#, #""base":["0","#, "digests for"),
        ("{", "[", "not valid JSON"), (#""name""#, #""nom""#, "name"),
      ] {
        try FileManager.default.removeItem(atPath: path)
        try writeFile(Array(text.replacing(from, with: to, maxReplacements: 1).utf8), to: path)
        let result = try verify(path)
        #expect(result.status == 3 && result.errors.contains(problem), "\(to): \(result)")
      }
      #expect(try verify(path, ["--accept"]).status == 0)
      #expect(try verify(path).status == 0)
      #expect(try verify(directory + "/none/b.json").status == 4)
      #expect(try runAlora(["verify", "--model", "a", "--adapter", "b", "--accept"]).status == 2)
      #expect(try runAlora(["verify", "--model", "a", "--adapter", "b", "--exact"]).status == 2)
    }
  }

  /// Of the last proof, which is the comparison with the baseline.
  private func outcome(_ text: String) throws -> String? {
    try parseJSON(text)["proofs"].elements().last?["outcome"].string()
  }

  private func version(_ text: String) throws -> Int { try parseJSON(text)["exactness_version"].integer() }
}
