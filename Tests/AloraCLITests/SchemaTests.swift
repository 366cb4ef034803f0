import AloraJSON
import AloraTestSupport
import Testing

/// What --json prints conforms to schemas/.
@Suite struct SchemaTests {
  @Test func conversions() throws {
    try withTemporaryDirectory { directory in
      var broken = AdapterBuilder()
      broken.set("r", "8")
      try broken.write(to: directory + "/tree/broken")
      for (name, fields) in [
        ("plain", ["alora_invocation_tokens": nil]), ("alora", [:]), ("patterns", ["alpha_pattern": #"{"o_proj": 3}"#]),
      ] as [(String, [String: String?])] {
        var builder = AdapterBuilder()
        for (field, value) in fields { builder.set(field, value) }
        try builder.write(to: "\(directory)/tree/\(name)")
        let base = try testData("conversion/bases/llama")
        let arguments = [
          "convert", "\(directory)/tree/\(name)", "--base", base, "--outfile", "\(directory)/\(name).gguf", "--json",
        ]
        let dry = try expectConforming(arguments + ["--dry-run"], to: "convert")
        #expect(try dry["written"].boolean() == false)
        let written = try expectConforming(arguments, to: "convert")
        #expect(try written["written"].boolean())
        if name == "patterns" { #expect(try written["folded_element_count"].integer() > 0) }
      }
      let tree = try expectConforming(
        [
          "convert", "--recursive", directory + "/tree", "--base", try testData("conversion/bases/llama"), "--outdir",
          directory + "/out", "--json",
        ], to: "convert", status: 3)
      #expect(try tree["adapters"].elements().count == 4)
    }
  }

  @Test(arguments: [
    "adapters/answerability/adapter-bf16", "adapters/answerability/base-config", "inference/llama/base",
    "inference/llama/adapter", "inference/llama/adapter/adapter_model.safetensors", "inference/qwen2/base.gguf",
    "inference/llama-lora/adapter", "inference/llama-llama3-sharded/base/model.safetensors.index.json",
    "inference/gpt-oss-mxfp4/base.gguf", "conversion/bases/granite", "switch/composed",
  ]) func inspections(_ path: String) throws {
    let plain = try expectConforming(["inspect", try testData(path), "--json"], to: "inspect")
    #expect(try plain[optional: "tensors"] == nil)
    let full = try expectConforming(["inspect", try testData(path), "--values", "--json"], to: "inspect")
    #expect(try full["tensors"].elements().count == full["tensor_count"].integer())
  }

  @Test(arguments: ["llama3", "gemma2", "gguf-spm-llama/vocabulary.gguf"]) func tokens(_ name: String) throws {
    let arguments = [
      "tokenize", "--model", try testData("tokenizers/cases/\(name)"), "--text", "the <s> \u{1F600}", "--json",
    ]
    let full = try expectConforming(arguments, to: "tokenize")
    let bare = try expectConforming(arguments + ["--no-special"], to: "tokenize")
    #expect(try full["count"].integer() == bare["count"].integer() + 1)
    #expect(try full["pieces"].elements().count == full["count"].integer())
    #expect(
      try expectConforming(Array(arguments.dropLast(2)) + ["", "--json"], to: "tokenize")["tokens"].elements().count
        == 1)
  }

  @Test func messages() throws {
    try withTemporaryDirectory { directory in
      func file(_ name: String, _ text: String) throws -> String {
        try writeFile(Array(text.utf8), to: "\(directory)/\(name)")
        return "\(directory)/\(name)"
      }
      let base = try testData("adapters/answerability/base-config")
      let chat = try file("chat.json", #"[{"role":"system","content":"S"},{"role":"user","content":"U"}]"#)
      let arguments = ["tokenize", "--model", base, "--messages", chat, "--json"]
      let report = try expectConforming(arguments, to: "tokenize")
      let prompt = try report["prompt"].string()
      #expect(prompt == "<|im_start|>system\nS<|im_end|>\n<|im_start|>user\nU<|im_end|>\n<|im_start|>assistant\n")
      let text = try expectConforming(["tokenize", "--model", base, "--text", prompt, "--json"], to: "tokenize")
      #expect(try text["tokens"].serialized == report["tokens"].serialized)
      let closed = try expectConforming(arguments + ["--no-generation-prompt"], to: "tokenize")
      #expect(try !closed["prompt"].string().contains("assistant"))
      let variables = try file("variables.json", #"{"add_generation_prompt": false}"#)
      let changed = try expectConforming(arguments + ["--template-variables", variables], to: "tokenize")
      #expect(try changed["prompt"].string() == closed["prompt"].string())
      #expect(try runAlora(arguments + ["--text", "x"]).status == 2)
      #expect(try runAlora(["tokenize", "--model", base, "--text", "x", "--tools", chat]).status == 2)
      let broken = try file("broken.json", #"[{"role":"user"}]"#)
      #expect(try runAlora(["tokenize", "--model", base, "--messages", broken]).status == 3)
      let other = try testData("conversion/bases/llama-bos")
      #expect(try runAlora(["tokenize", "--model", other, "--messages", chat]).status == 3)
    }
  }

  @Test func anInvocationIsSpelled() throws {
    let adapter = try testData("adapters/answerability/adapter-bf16")
    let base = try testData("adapters/answerability/base-config")
    let value = try expectConforming(["inspect", adapter, "--base", base, "--json"], to: "inspect")
    #expect(try value["adapter"]["invocation_text"].string() == "<|im_start|>answerability<file_sep>")
    #expect(
      try runAlora(["inspect", adapter, "--base", base]).output.contains(#""<|im_start|>answerability<file_sep>""#))
    #expect(try runAlora(["inspect", adapter, "--base", testData("inference/llama/base")]).status == 3)
  }

  @Test(arguments: ["inference/llama/golden.npz", "npz/stored.npz", "npz/plain.npy"])
  func archives(_ path: String) throws {
    let plain = try expectConforming(["inspect", try testData(path), "--json"], to: "inspect")
    let full = try expectConforming(["inspect", try testData(path), "--values", "--json"], to: "inspect")
    #expect(try full["arrays"].elements().count == plain["arrays"].elements().count)
    #expect(try full["arrays"].elements().contains { try $0[optional: "values"] != nil })
  }

  @Test func differences() throws {
    let (one, other) = (try testData("inference/llama/adapter"), try testData("inference/llama-lora/adapter"))
    #expect(try expectConforming(["diff", one, one, "--json"], to: "diff")["equal"].boolean())
    #expect(try !expectConforming(["diff", one, other, "--json"], to: "diff", status: 1)["equal"].boolean())
    let (qwen, gptOss) = (
      try testData("inference/qwen2/base.gguf"), try testData("inference/gpt-oss-mxfp4/base.gguf")
    )
    _ = try expectConforming(["diff", qwen, gptOss, "--json"], to: "diff", status: 1)
  }

  @Test func theValidatorFindsWhatBreaksARule() throws {
    let validator = try SchemaValidator(path: testData("../schemas/diff.schema.json"))
    for text in [
      #"{}"#, #"[]"#, #"{"first":"a","second":"b","equal":1,"compared_tensor_count":1,"differences":[]}"#,
      #"{"first":"a","second":"b","equal":true,"compared_tensor_count":-1,"differences":[]}"#,
      #"{"first":"a","second":"b","equal":true,"compared_tensor_count":1,"differences":[{"kind":"other","name":"x"}]}"#,
      #"{"first":"a","second":"b","equal":true,"compared_tensor_count":1,"differences":[],"more":0}"#,
    ] { #expect(try !validator.violations(in: parseJSON(text)).isEmpty, "\(text)") }
  }
}

/// Runs a command whose output must conform to a schema.
@discardableResult func expectConforming(_ arguments: [String], to name: String, status: Int32 = 0) throws -> JSON {
  let result = try runAlora(arguments)
  #expect(result.status == status, "\(arguments): \(result.errors)")
  let value = try parseJSON(result.output)
  let validator = try SchemaValidator(path: testData("../schemas/\(name).schema.json"))
  #expect(try validator.violations(in: value) == [], "\(arguments)")
  return value
}
