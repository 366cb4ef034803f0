import AloraJSON
import AloraTestSupport
import Foundation
import Testing

/// What the files around a tokenizer.json and around an adapter say, in the commands that use them.
@Suite struct TrainingFilesTests {
  /// A SentencePiece Llama tokenizer with a token that only tokenizer_config.json adds.
  private func writeLlamaTokenizer(to directory: String, extra: String = "<|check|>") throws {
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    try writeFile(readFile(testData("tokenizers/cases/mistral-v1/tokenizer.json")), to: directory + "/tokenizer.json")
    let configuration =
      #"{"tokenizer_class": "LlamaTokenizer", "legacy": false, "extra_special_tokens": ["\#(extra)"]}"#
    try writeFile(Array(configuration.utf8), to: directory + "/tokenizer_config.json")
    try writeFile(Array(#"{"model_type": "llama"}"#.utf8), to: directory + "/config.json")
  }

  private func tokenize(_ model: String, _ text: String) throws -> JSON {
    let result = try runAlora(["tokenize", "--model", model, "--text", text, "--no-special", "--json"])
    #expect(result.status == 0, "\(result.errors)")
    let json = try parseJSON(result.output)
    let violations = try SchemaValidator(path: testData("../schemas/tokenize.schema.json")).violations(in: json)
    #expect(violations == [])
    return json
  }

  @Test func tokenizeSaysWhoseTokensTheyAreIfTheVersionsDiffer() throws {
    try withTemporaryDirectory { directory in
      try writeLlamaTokenizer(to: directory + "/tok")
      let json = try tokenize(directory + "/tok", "<|check|>user")
      let other = try json["transformers_5"]
      #expect(try other["tokenizer_class"].string() == "LlamaTokenizer")
      #expect(try other["tokens"].serialized != json["tokens"].serialized)
      // The token that tokenizer_config.json adds is one token in both.
      #expect(try other["tokens"].elements().first?.integer() == json["tokens"].elements().first?.integer())
      let result = try runAlora(["tokenize", "--model", directory + "/tok", "--text", "<|check|>user", "-q"])
      #expect(result.errors == "")
      let same = try tokenize(directory + "/tok", "user")
      #expect(try same[optional: "transformers_5"] == nil)
    }
  }

  @Test func anInvocationThatOnlyTransformers5MakesIsNamedAsThat() throws {
    try withTemporaryDirectory { directory in
      try writeLlamaTokenizer(to: directory + "/tok")
      let json = try tokenize(directory + "/tok", "<|check|>user")
      var builder = AdapterBuilder()
      for (version, expected) in [
        (try json["transformers_5"]["tokens"].serialized, "made-by-transformers-5"),
        (try json["tokens"].serialized, "transformers-5-differs"),
      ] {
        builder.set("alora_invocation_tokens", version)
        try builder.write(to: directory + "/adapter")
        let result = try runAlora([
          "tokens", directory + "/adapter", "--base", directory + "/tok", "--prompt", "Hi<|check|>user", "--json",
        ])
        let report = try parseJSON(result.output)
        let violations = try SchemaValidator(path: testData("../schemas/tokens.schema.json")).violations(in: report)
        #expect(violations == [])
        let identifiers = try report["findings"].elements().map { try $0["id"].string() }
        #expect(identifiers.contains(expected), "\(identifiers)")
        #expect(!identifiers.contains("retokenizes-differently"))
        let starts = try (
          report["prompt"][optional: "activation_start"]?.integer(),
          report["prompt"]["transformers_5"][optional: "activation_start"]?.integer()
        )
        #expect((starts.0 == nil) == (expected == "made-by-transformers-5"))
        #expect((starts.1 == nil) == (expected == "transformers-5-differs"))
        let text = try runAlora([
          "tokens", directory + "/adapter", "--base", directory + "/tok", "--prompt", "Hi<|check|>user",
        ]).output
        #expect(text.contains("LlamaTokenizer"), "\(text)")
      }
    }
  }

  @Test func anAdaptersOwnTokenizerAndTemplateAreComparedWithTheBases() throws {
    try withTemporaryDirectory { directory in
      let (base, adapter) = (directory + "/base", directory + "/adapter")
      try FileManager.default.createDirectory(atPath: base, withIntermediateDirectories: true)
      try writeFile(readFile(testData("conversion/bases/llama/config.json")), to: base + "/config.json")
      try writeFile(readFile(testData("tokenizers/cases/qwen2/tokenizer.json")), to: base + "/tokenizer.json")
      try writeFile(Array("{{ messages }}\n".utf8), to: base + "/chat_template.jinja")
      var builder = AdapterBuilder()
      builder.set("alora_invocation_tokens", nil)
      try builder.write(to: adapter)
      func notes() throws -> (convert: String, tokens: [String]) {
        let convert = try runAlora(["convert", adapter, "--base", base, "--dry-run"])
        #expect(convert.status == 0, "\(convert.errors)")
        let tokens = try parseJSON(runAlora(["tokens", adapter, "--base", base, "--json"]).output)
        return (convert.output, try tokens["notes"].elements().map { try $0["place"].string() })
      }
      #expect(try notes().tokens == [])
      // The same files, but for a line's end that Jinja ignores.
      try writeFile(readFile(base + "/tokenizer.json"), to: adapter + "/tokenizer.json")
      try writeFile(Array("{{ messages }}".utf8), to: adapter + "/chat_template.jinja")
      #expect(try notes().tokens == [])
      try writeFile(readFile(testData("tokenizers/cases/qwen3/tokenizer.json")), to: adapter + "/tokenizer.json")
      try writeFile(Array("{{ messages[0] }}".utf8), to: adapter + "/chat_template.jinja")
      let both = try notes()
      #expect(both.tokens == ["tokenizer", "chat template"])
      #expect(both.convert.contains("tokenizer: the adapter's own") && both.convert.contains("chat template: "))
      // A file that can't be read is a note, not a failure.
      try writeFile(Array("<html>".utf8), to: adapter + "/tokenizer.json")
      #expect(try notes().tokens.count == 2)
      try FileManager.default.removeItem(atPath: base + "/chat_template.jinja")
      #expect(try notes().convert.contains("the base has none"))
    }
  }

  @Test func standardOutputIsNotAFile() throws {
    let (base, adapter) = (try testData("inference/llama/base"), try testData("inference/llama/adapter"))
    for arguments in [
      ["logits", "--model", base, "--tokens", "1", "--output", "-"],
      ["convert", adapter, "--base", base, "--outfile", "-"],
      ["golden", "record", "--model", base, "--adapter", adapter, "--prompt", "x", "--output", "-"],
      ["run", "--model", base, "--prompt", "x", "--save-cache", "-"],
      ["verify", "--model", base, "--adapter", adapter, "--baseline", "-"],
    ] {
      let result = try runAlora(arguments)
      #expect(result.status == 2, "\(arguments)")
      #expect(result.errors.contains("./-"), "\(result.errors)")
    }
  }

  @Test func remediesForBasesAndTowersNameTheirOptions() throws {
    let (base, adapter) = (try testData("inference/llama/base"), try testData("inference/llama/adapter"))
    try withTemporaryDirectory { directory in
      let file = directory + "/a.gguf"
      #expect(try runAlora(["convert", adapter, "--base", base, "--outfile", file]).status == 0)
      let bare = try runAlora(["diff", adapter, file])
      #expect(bare.status == 3 && bare.errors.contains("--base"), "\(bare.errors)")
      #expect(try runAlora(["diff", adapter, file, "--base", base]).status == 0)
      var builder = AdapterBuilder()
      let name = "base_model.model.vision_tower.layers.0.self_attn.q_proj"
      builder.tensors.append(.init("\(name).lora_A.weight", [4, 64], AdapterBuilder.values(256, seed: 1)))
      builder.tensors.append(.init("\(name).lora_B.weight", [64, 4], AdapterBuilder.values(256, seed: 2)))
      try builder.write(to: directory + "/adapter")
      let model = try testData("conversion/bases/llama")
      let refused = try runAlora(["convert", directory + "/adapter", "--base", model, "--dry-run"])
      #expect(refused.status == 3 && refused.errors.contains("--text-only"), "\(refused.errors)")
      let taken = try runAlora([
        "convert", directory + "/adapter", "--base", model, "--dry-run", "--text-only", "--json",
      ])
      #expect(taken.status == 0, "\(taken.errors)")
      let notes = try parseJSON(taken.output)["notes"].elements().map { try $0["place"].string() }
      #expect(notes.contains { $0.hasPrefix("module vision_tower.") }, "\(notes)")
    }
  }
}
