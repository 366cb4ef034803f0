import AloraJSON
import AloraTestSupport
import Foundation
import Testing

/// `alora merge` and `alora verify --merged` from the outside.
@Suite struct MergeCommandTests {
  /// A copy of a fixture's adapter without its invocation.
  private func plainAdapter(_ name: String, in directory: String) throws -> String {
    let copy = directory + "/adapter"
    try FileManager.default.copyItem(atPath: testData("inference/\(name)/adapter"), toPath: copy)
    let path = copy + "/adapter_config.json"
    let text = try String(contentsOfFile: path, encoding: .utf8)
    try text.replacing(/"alora_invocation_tokens": *\[[^\]]*\]/, with: "\"alora_invocation_tokens\": null")
      .write(toFile: path, atomically: true, encoding: .utf8)
    return copy
  }

  private func validate(_ output: String, _ schema: String) throws -> JSON {
    let json = try parseJSON(output)
    #expect(try SchemaValidator(path: testData("../schemas/\(schema).schema.json")).violations(in: json) == [])
    return json
  }

  @Test(arguments: [
    "llama-lora", "qwen3", "granite-moe-hybrid", "qwen3-moe-experts", "gpt-oss-experts", "llama4-experts",
  ])
  func aMergedModelIsVerified(_ name: String) throws {
    try withTemporaryDirectory { directory in
      let (base, adapter) = (try testData("inference/\(name)/base"), try plainAdapter(name, in: directory))
      let merged = directory + "/merged"
      let call = ["merge", "--model", base, "--adapter", adapter, "--outdir", merged, "--json"]
      let dry = try runAlora(call + ["--dry-run"])
      #expect(try validate(dry.output, "merge")["written"].boolean() == false)
      #expect(!FileManager.default.fileExists(atPath: merged))
      let result = try runAlora(call)
      #expect(result.status == 0, "\(result.errors)")
      #expect(try validate(result.output, "merge")["tensors"].elements().count > 0)
      #expect(try runAlora(call).status == 4)
      #expect(try runAlora(call + ["--force"]).status == 0)

      let verify = ["verify", "--model", base, "--adapter", adapter, "--json", "--merged"]
      let verified = try runAlora(verify + [merged])
      #expect(verified.status == 0, "\(name): \(verified.output)\(verified.errors)")
      #expect(try validate(verified.output, "verify-merged")["logits"]["passed"].boolean())
      // The base isn't the merged model.
      let unmerged = try runAlora(verify + [base])
      #expect(unmerged.status == 1)
      #expect(try validate(unmerged.output, "verify-merged")["passed"].boolean() == false)
    }
  }

  @Test func aScalingThatIsATenthOffIsReportedAsAShareOfTheUpdate() throws {
    try withTemporaryDirectory { directory in
      let (base, adapter) = (try testData("inference/llama-lora/base"), try plainAdapter("llama-lora", in: directory))
      let (other, merged) = (directory + "/other", directory + "/merged")
      try FileManager.default.copyItem(atPath: adapter, toPath: other)
      let text = try String(contentsOfFile: other + "/adapter_config.json", encoding: .utf8)
      try text.replacing("\"lora_alpha\": 8", with: "\"lora_alpha\": 7.2")
        .write(toFile: other + "/adapter_config.json", atomically: true, encoding: .utf8)
      #expect(try runAlora(["merge", "--model", base, "--adapter", other, "--outdir", merged]).status == 0)
      let verify = ["verify", "--model", base, "--adapter", adapter, "--merged", merged]
      let verified = try runAlora(verify + ["--json"])
      #expect(verified.status == 1)
      let json = try validate(verified.output, "verify-merged")
      #expect(try abs(json["weights"]["update_share"].number() - 0.9) < 1e-3)
    }
  }

  @Test func aRefusalThatRecommendsMergingPrintsTheCommandAndItWorks() throws {
    try withTemporaryDirectory { directory in
      let (base, adapter) = (try testData("inference/llama/base"), try testData("merge/dora"))
      let command = "alora merge --model \(base) --adapter \(adapter) --outdir merged"
      for call in [
        ["convert", adapter, "--base", base, "-o", directory + "/a.gguf"],
        ["convert", "--base", base, "-o", directory + "/a.gguf", adapter],
        ["run", "--model", base, "--adapter", "style=\(adapter)", "--prompt", "a"],
        ["logits", "--model=\(base)", "--adapter=\(adapter)", "--tokens", "1", "--output", directory + "/l.npz"],
      ] {
        let refused = try runAlora(call)
        #expect(refused.status == 3)
        #expect(refused.errors.contains(command), "\(refused.errors)")
      }
      let words = command.split(separator: " ").dropFirst().map(String.init)
      #expect(try runAlora(words, directory: directory).status == 0)
      let verified = try runAlora(
        ["verify", "--model", base, "--adapter", adapter, "--merged", directory + "/merged"])
      #expect(verified.status == 0, "\(verified.output)\(verified.errors)")
    }
  }

  @Test func anActivatedAdapterAndWrongCallsAreRefused() throws {
    let path = try testData("inference/llama")
    let refused = try runAlora(
      ["merge", "--model", path + "/base", "--adapter", path + "/adapter", "--outdir", "/tmp/alora-never"])
    #expect(refused.status == 3)
    #expect(refused.errors.contains("active only from its invocation on"))
    let call = ["merge", "--model", path + "/base", "--adapter", path + "/adapter"]
    for options in [
      [], ["--outdir", "a", "--outfile", "b"], ["--outfile", "-"], ["--outdir", "a", "--outtype", "f16"],
    ] {
      #expect(try runAlora(call + options).status == 2, "\(options)")
    }
    #expect(try runAlora(call + ["--outfile", "a.gguf", "--outtype", "iq9_z"]).status == 2)
  }

  /// llama-quantize makes these types with an importance matrix.
  @Test(arguments: [
    ("iq1_s", "q2_k"), ("iq1_m", "q2_k"), ("iq2_xxs", "q2_k"), ("IQ2_XS", "q2_k"), ("iq2_s", "q2_k"),
    ("iq3_xxs", "q3_k"), ("iq3_s", "q3_k"),
  ]) func typesOfAnImportanceMatrixAreNamed(_ type: String, _ other: String) throws {
    let call = ["merge", "--model", "base.gguf", "--adapter", "a", "--outfile", "b.gguf", "--outtype"]
    let merged = try runAlora(call + [type])
    let reason = "\(type.uppercased()) is made with an importance matrix"
    #expect(merged.status == 2 && merged.errors.contains(reason), "\(merged)")
    #expect(merged.errors.contains("Give \(other), or merge into an F16 GGUF"), "\(merged)")
    let converted = try runAlora(["convert", "a.gguf", "--outtype", type])
    #expect(converted.status == 2 && converted.errors.contains(reason), "\(converted)")
    // What is offered instead is taken.
    #expect(try runAlora(call + [other]).status == 4)
  }
}
