import AloraJSON
import AloraTestSupport
import Foundation
import Testing

@Suite struct TokensCommandTests {
  private func run(_ arguments: [String]) throws -> (status: Int32, json: JSON) {
    let result = try runAlora(arguments + ["--json"])
    #expect(result.exitedNormally)
    let json = try parseJSON(result.output)
    let validator = try SchemaValidator(path: testData("../schemas/tokens.schema.json"))
    #expect(try validator.violations(in: json) == [], "\(arguments)")
    return (result.status, json)
  }

  /// The real adapter activates where PEFT did when its golden was recorded.
  @Test func theRealAdapterActivatesWherePEFTDid() throws {
    let prompts = try String(decoding: readFile(testData("adapters/answerability/prompts.jsonl")), as: UTF8.self)
    for line in prompts.split(separator: "\n").prefix(3) {
      let item = try parseJSON(String(line))
      let (status, report) = try run([
        "tokens", testData("adapters/answerability/adapter-bf16"), "--base",
        testData("adapters/answerability/base-config"), "--prompt", item["text"].string(),
      ])
      #expect(status == 0)
      let (start, count) = (try item["alora_start"].integer(), try item["n_tokens"].integer())
      #expect(try report["prompt"]["activation_start"].integer() == start)
      #expect(try report["prompt"]["tokens"].elements().count == count)
      #expect(try report["prompt"]["llama_server_start"].integer() == start - 1)
      #expect(try report["invocation"]["text"].string() == "<|im_start|>answerability<file_sep>")
    }
  }

  @Test func legacyAdaptersNeedATokenizer() throws {
    let adapter = try testData("conversion/cases/llama-bos-legacy")
    #expect(try runAlora(["tokens", adapter]).status == 3)
    let (status, report) = try run(["tokens", adapter, "--base", testData("conversion/bases/llama-bos")])
    #expect(status == 0)
    #expect(try report["invocation"]["legacy"].boolean())
    let expected = try JSONDocument(path: adapter + "/expected.json").root["invocation_tokens"].serialized
    #expect(try report["invocation"]["tokens"].serialized == expected)
  }

  @Test func plainAdaptersAreActiveEverywhere() throws {
    let (status, report) = try run([
      "tokens", testData("conversion/cases/llama-lora"), "--base", testData("conversion/bases/llama-bos"), "--prompt",
      "the",
    ])
    #expect(status == 0)
    #expect(try report[optional: "invocation"] == nil)
    #expect(try report["prompt"]["activation_start"].integer() == 0)
  }

  /// Ids alone, without any tokenizer; an id that the base lacks is a failed check.
  @Test func findingsDecideTheExitCode() throws {
    try withTemporaryDirectory { directory in
      var builder = AdapterBuilder()
      builder.set("alora_invocation_tokens", "[5, 99999]")
      try builder.write(to: directory + "/adapter")
      let (bare, idsOnly) = try run(["tokens", directory + "/adapter"])
      #expect(bare == 0)
      #expect(try idsOnly[optional: "tokenizer"] == nil)
      let base = try testData("conversion/bases/llama-bos")
      let (status, report) = try run(["tokens", directory + "/adapter", "--base", base])
      #expect(status == 1)
      #expect(try report["findings"].elements()[0]["id"].string() == "outside-vocabulary")
      let text = try runAlora(["tokens", directory + "/adapter", "--base", base])
      #expect(text.status == 1)
      #expect(text.output.contains("outside-vocabulary"))
      // The converted adapter says the same.
      builder.set("alora_invocation_tokens", "[5, 17, 6]")
      try builder.write(to: directory + "/good")
      let gguf = directory + "/good.gguf"
      #expect(
        try runAlora(["convert", directory + "/good", "--base", testData("conversion/bases/llama"), "--outfile", gguf])
          .status == 0)
      let (_, one) = try run(["tokens", directory + "/good", "--base", base])
      let (_, other) = try run(["tokens", gguf, "--base", base])
      #expect(try one["invocation"].serialized == other["invocation"].serialized)
      #expect(try one["findings"].serialized == other["findings"].serialized)
    }
  }

  /// The base's own generation prompt as the invocation: active in every prompt.
  @Test func theGenerationPromptIsRecognized() throws {
    try withTemporaryDirectory { directory in
      var builder = AdapterBuilder()
      let base = try testData("adapters/answerability/base-config")
      let tokens = try parseJSON(
        runAlora(["tokenize", "--model", base, "--text", "<|im_start|>assistant\n", "--json"]).output)["tokens"]
        .serialized
      builder.set("alora_invocation_tokens", tokens)
      try builder.write(to: directory + "/adapter")
      let (status, report) = try run(["tokens", directory + "/adapter", "--base", base])
      #expect(status == 0)
      let found = try report["findings"].elements().map { try $0["id"].string() }
      #expect(found.contains("in-generation-prompt"))
    }
  }

  @Test func whatCannotBeReadIsRefused() throws {
    let base = try testData("conversion/bases/llama")
    let adapter = try testData("conversion/cases/llama-alora")
    #expect(try runAlora(["tokens", adapter, "--base", base]).status == 3)
    #expect(try runAlora(["tokens", adapter, "--base", base + "/nothing"]).status == 4)
    #expect(try runAlora(["tokens", adapter, "--prompt", "x"]).status == 3)
    #expect(try runAlora(["tokens", adapter, "--no-special"]).status == 2)
    #expect(try runAlora(["tokens", testData("tokenizers/cases/gguf-gpt-2/vocabulary.gguf")]).status == 3)
    #expect(try runAlora(["tokenize", "--model", base, "--text", "x"]).status == 3)
    #expect(try runAlora(["tokenize", "--model", testData("tokenizers/cases/gpt2")]).status == 2)
  }

  /// Patterns that take the square of the text's length, or worse, without ever going back.
  @Test(arguments: ["(?:(?=[^b]*+)a)*", "((a{1000}){1000}){1000}"])
  func aPatternThatWouldTakeHoursIsGivenUp(_ pattern: String) throws {
    try withTemporaryDirectory { directory in
      let text = try String(decoding: readFile(testData("tokenizers/cases/gpt2/tokenizer.json")), as: UTF8.self)
      let split = #"{"type":"Split","pattern":{"Regex":"\#(pattern)"},"behavior":"Isolated","invert":false}"#
      let start = try #require(text.range(of: #""pre_tokenizer":"#))
      let end = try #require(text.range(of: #""post_processor":"#))
      let changed =
        text[..<start.upperBound] + #"{"type":"Sequence","pretokenizers":[\#(split),{"type":"ByteLevel","#
        + #""add_prefix_space":false,"use_regex":false}]},"# + text[end.lowerBound...]
      try writeFile(Array(changed.utf8), to: directory + "/tokenizer.json")
      try writeFile([UInt8](repeating: 0x61, count: 400_000), to: directory + "/text")
      let result = try runAlora(["tokenize", "--model", directory, "--file", directory + "/text", "--json"])
      #expect(result.status == 3 && result.errors.contains("takes too long"), "\(result.status): \(result.errors)")
      #expect(result.errors.split(separator: "\n").count == 1 && result.output.isEmpty)
    }
  }
}
