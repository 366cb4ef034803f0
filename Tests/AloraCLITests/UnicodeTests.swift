import AloraJSON
import AloraTestSupport
import Foundation
import Testing

/// Text outside of ASCII in each file that is JSON, and in each way that text comes in, through every command.
@Suite struct UnicodeTests {
  enum Encoding: CaseIterable, Sendable {
    case utf8, markedUTF8, utf16

    func bytes(_ text: String) -> [UInt8] {
      switch self {
      case .utf8: Array(text.utf8)
      case .markedUTF8: [0xEF, 0xBB, 0xBF] + Array(text.utf8)
      case .utf16: ([0xFEFF] + Array(text.utf16)).flatMap { [UInt8($0 & 0xFF), UInt8($0 >> 8)] }
      }
    }
  }

  /// Each of the bytes of "é漢字" is a token; "〈漢〉" is a single token.
  private static let vocabulary: [String] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz".map(String.init)
    + ["Ġ", ".", "Ã", "©", "æ", "¼", "¢", "å", "Ń", "Ĺ"]

  private static let tokenizer = """
    {"version": "1.0", "truncation": null, "padding": null, "normalizer": null,
    "added_tokens": [{"id": 62, "content": "〈漢〉", "single_word": false, "lstrip": false, "rstrip": false,
    "normalized": false, "special": true}],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": true},
    "post_processor": null,
    "decoder": {"type": "ByteLevel", "add_prefix_space": true, "trim_offsets": true, "use_regex": true},
    "model": {"type": "BPE", "dropout": null, "unk_token": null, "continuing_subword_prefix": null,
    "end_of_word_suffix": null, "fuse_unk": false, "byte_fallback": false, "ignore_merges": false,
    "vocab": {\(vocabulary.enumerated().map { "\"\($1)\": \($0)" }.joined(separator: ", "))}, "merges": []}}
    """

  private static let card = """
    ---
    model_name: Prüfer-漢字
    tags: [größe, "😀"]
    base_model: org/modèle
    license: mit
    ---
    Ein Adapter für é.
    """

  /// The base, the adapter with a card, prompts and a script, each JSON file in that encoding.
  private func withModel(_ encoding: Encoding, _ body: (_ directory: String) throws -> Void) throws {
    try withTemporaryDirectory { directory in
      let manager = FileManager.default
      try manager.copyItem(atPath: testData("inference/llama-output/base"), toPath: directory + "/base")
      try manager.copyItem(atPath: testData("inference/llama-output/adapter"), toPath: directory + "/é 漢")
      for path in ["/base/config.json", "/é 漢/adapter_config.json"] {
        let text = String(decoding: try readFile(directory + path), as: UTF8.self)
        let named = text.replacingOccurrences(of: "alora-tests/llama-output", with: "org/modèle")
        try writeFile(encoding.bytes(named), to: directory + path)
      }
      try writeFile(encoding.bytes(Self.tokenizer), to: directory + "/base/tokenizer.json")
      let template =
        "{% for m in messages %}〈漢〉{{ m['content'] }}é{% endfor %}{% if add_generation_prompt %}HJH{% endif %}"
      try writeFile(
        encoding.bytes(#"{"chat_template": "\#(template)"}"#), to: directory + "/base/tokenizer_config.json")
      try writeFile(Array(Self.card.utf8), to: directory + "/é 漢/README.md")
      try writeFile(encoding.bytes(#"[{"role": "user", "content": "é漢字"}]"#), to: directory + "/messages.json")
      try writeFile(encoding.bytes(#"{"prompt": "é漢字HJHa"}"# + "\r\n"), to: directory + "/lines.jsonl")
      try body(directory)
    }
  }

  private func run(_ directory: String, _ arguments: [String], input: String? = nil) throws -> String {
    let result = try runAlora(arguments, directory: directory, input: input)
    #expect(result.status == 0, "\(arguments.joined(separator: " ")): \(result.errors)")
    return result.output
  }

  @Test(arguments: Encoding.allCases) func everyCommandReadsTextOutsideOfASCII(_ encoding: Encoding) throws {
    try withModel(encoding) { directory in
      let tokens = try parseJSON(run(directory, ["tokenize", "--model", "base", "--text", "é漢字〈漢〉a", "--json"]))
      let spelled = [54, 55, 56, 57, 58, 59, 60, 61]
      #expect(try tokens["tokens"].elements().map { try $0.integer() } == [54, 55, 56, 57, 58, 59, 60, 61, 62, 26])
      let chat = try parseJSON(
        run(directory, ["tokenize", "--model", "base", "--messages", "messages.json", "--json"]))
      #expect(
        try chat["tokens"].elements().map { try $0.integer() } == [62] + spelled + [54, 55, 7, 9, 7], "\(encoding)")

      _ = try run(directory, ["convert", "é 漢", "--base", "base", "--outfile", "ü.gguf"])
      #expect(try run(directory, ["inspect", "ü.gguf", "--key", "general.name"]).contains("漢字"))
      #expect(try run(directory, ["inspect", "ü.gguf"]).contains("größe"))
      #expect(try run(directory, ["inspect", "é 漢", "--base", "base", "--json"]).contains("org/modèle"))
      #expect(try run(directory, ["inspect", "é 漢", "--key", "base_model_name_or_path"]) == "org/modèle\n")
      _ = try run(directory, ["diff", "é 漢", "é 漢", "--json"])
      #expect(try run(directory, ["tokens", "é 漢", "--base", "base", "--prompt", "é漢字HJH"]).contains("漢"))

      _ = try run(
        directory, ["logits", "--model", "base", "--adapter", "é 漢", "--prompt", "é漢字HJH", "--output", "é.npz"])
      let model = ["--model", "base", "--adapter", "ü.gguf"]
      _ = try run(directory, ["golden", "record", "--prompts", "lines.jsonl", "--output", "漢.npz"] + model)
      _ = try run(directory, ["verify", "--golden", "漢.npz", "--json"] + model)
      let session = ["run", "--model", "base", "--adapter", "é=é 漢", "-n", "3", "--ignore-end", "--json"]
      for more in [["--prompt", "é漢字HJH"], ["--script", "lines.jsonl"], ["--chat", "--prompt", "é漢字"]] {
        let turn = try parseJSON(run(directory, session + more))["turns"].elements()[0]
        #expect(try turn["tokens"].elements().count == 3)
      }
      _ = try run(directory, ["run", "--model", "base", "-n", "3"], input: "é漢字\n")
    }
  }

  /// The same files in other encodings give the same bytes.
  @Test func theEncodingOfAFileChangesNothing() throws {
    var files: [[UInt8]] = []
    for encoding in Encoding.allCases {
      try withModel(encoding) { directory in
        _ = try run(directory, ["convert", "é 漢", "--base", "base", "--outfile", "out.gguf"])
        files.append(try readFile(directory + "/out.gguf"))
      }
    }
    #expect(files[0].count > 1000 && files[1] == files[0] && files[2] == files[0])
  }

  /// What a hand leaves in a file is named by its line.
  @Test func aTrailingCommaIsFound() throws {
    try withModel(.utf8) { directory in
      let path = directory + "/é 漢/adapter_config.json"
      let text = String(decoding: try readFile(path), as: UTF8.self)
      let end = try #require(text.lastIndex(of: "}"))
      try writeFile(Array((text[..<end].trimmingCharacters(in: .whitespacesAndNewlines) + ",\n}\n").utf8), to: path)
      let result = try runAlora(["inspect", "é 漢"], directory: directory)
      #expect(result.status == 3)
      #expect(result.errors.contains("column 1 (byte "))
      #expect(result.errors.contains("a comma can't come before '}' (after 'velora_config')"))
    }
  }
}
