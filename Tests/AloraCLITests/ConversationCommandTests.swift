import AloraJSON
import AloraNPZ
import AloraTestSupport
import Foundation
import Testing

/// One way to give a conversation, in every command that takes one.
@Suite struct ConversationCommandTests {
  private func write(_ text: String, _ name: String, _ directory: String) throws {
    try writeFile(Array(text.utf8), to: "\(directory)/\(name)")
  }

  /// The template writes s<system>. u<content>. and "a" for the assistant.
  @Test(arguments: [
    (["--prompt", "Hi"], "Hi"), (["--file", "prompt.txt"], "from a file"), (["--prompt", "Hi", "--chat"], "uHi.a"),
    (["--file", "prompt.txt", "--chat"], "ufrom a file.a"), (["--prompt", "Hi", "--system", "Be"], "sBe.uHi.a"),
    (["--messages", "m.json"], "sX.uY.aZ.uW.a"), (["--messages", "u.json", "--system", "Be"], "sBe.uY.a"),
    (["--prompt=- x", "--template-variables", "v.json"], "u- x.a"),
  ]) func everyCommandHasTheSameTokens(_ options: [String], _ text: String) throws {
    try withSpellingModel { directory in
      // "-" is not in the vocabulary of the model.
      let text = text.replacingOccurrences(of: "-", with: "")
      try write("from a file", "prompt.txt", directory)
      try write(#"{"flag": 1}"#, "v.json", directory)
      try write(#"[{"role": "user", "content": [{"type": "text", "text": "Y"}]}]"#, "u.json", directory)
      try write(
        #"[{"role":"system","content":"X"},{"role":"user","content":"Y"},{"role":"assistant","content":"Z"},{"role":"user","content":"W"}]"#,
        "m.json", directory)
      func call(_ command: [String], _ more: [String] = []) throws -> CommandResult {
        let result = try runAlora(command + options + more, directory: directory)
        #expect(result.status == 0, "\(command) \(options): \(result.errors)")
        return result
      }
      let tokenized = try parseJSON(call(["tokenize", "--model", "base", "--json"]).output)["tokens"]
      let tokens = try tokenized.integers(in: 0...1000)
      #expect(tokens.count == text.count)
      let shown = try parseJSON(call(["tokens", "llama-lora", "--base", "base", "--json"]).output)
      #expect(try shown["prompt"]["tokens"].integers(in: 0...1000) == tokens)
      _ = try call(["logits", "--model", "base", "--output", "l.npz"])
      #expect(try NPZFile(path: directory + "/l.npz").integers(named: "tokens_0") == tokens)
      _ = try call(["golden", "record", "--model", "base", "--adapter", "llama-lora", "--output", "g.npz"])
      #expect(try NPZFile(path: directory + "/g.npz").integers(named: "tokens_0") == tokens)
      let run = try parseJSON(call(["run", "--model", "base", "--json", "-n", "1"]).output)
      #expect(try run["turns"].elements()[0]["prompt_tokens"].integer() == tokens.count)
    }
  }

  /// The system speaks, then the user: no empty answer in between, as transformers renders it.
  @Test func aSystemTurnIsNotAnswered() throws {
    try withSpellingModel { directory in
      for first in [
        #"{"role":"system","prompt":"Be","limit":0}"#, #"{"role":"system","prompt":"Be"}"#,
        #"{"messages":[{"role":"system","content":"Be"}],"limit":0}"#,
      ] {
        try write(first + "\n" + #"{"prompt":"Hi","limit":2}"#, "s.jsonl", directory)
        let result = try runAlora(
          ["run", "--model", "base", "--chat", "--script", "s.jsonl", "--json"], directory: directory)
        #expect(result.status == 0, "\(result.errors)")
        let turns = try parseJSON(result.output)["turns"].elements()
        #expect(try turns[0]["tokens"].elements().isEmpty)
        #expect(try turns[1]["prompt_tokens"].integer() == "sBe.uHi.a".count)
      }
    }
  }

  @Test func promptsBeyondTheContextAreRefusedBeforeTheWorkStarts() throws {
    try withSpellingModel { directory in
      let path = directory + "/base/config.json"
      let configuration = String(decoding: try readFile(path), as: UTF8.self)
      let changed = configuration.replacingOccurrences(
        of: #""max_position_embeddings": \d+"#, with: #""max_position_embeddings": 12"#, options: .regularExpression)
      #expect(changed != configuration)
      try writeFile(Array(changed.utf8), to: path)
      let calls = [
        ["run", "--model", "base"], ["logits", "--model", "base", "--output", "o.npz"],
        ["golden", "record", "--model", "base", "--adapter", "llama-lora", "--output", "o.npz"],
      ]
      for call in calls {
        let long = try runAlora(call + ["--prompt", "thirteen long"], directory: directory)
        #expect(long.status == 3 && long.errors.contains("13 tokens"), "\(call): \(long.errors)")
        #expect(long.errors.contains("--beyond-context"), "\(call): \(long.errors)")
        let free = try runAlora(
          call + ["--prompt", "thirteen long", "--beyond-context", "--force"] + (call[0] == "run" ? ["-n", "1"] : []),
          directory: directory)
        #expect(free.status == 0, "\(call): \(free.errors)")
      }
      let full = try runAlora(
        ["run", "--model", "base", "--prompt", "ten tokens", "-n", "9", "--json", "--ignore-end"], directory: directory)
      let turn = try parseJSON(full.output)["turns"].elements()[0]
      #expect(try turn["tokens"].elements().count == 2 && turn["end"].string() == "context")
    }
  }

  @Test func logitsOfSomePositionsAreThoseOfAll() throws {
    try withSpellingModel { directory in
      func file(_ name: String, _ more: [String]) throws -> NPZFile {
        let result = try runAlora(
          ["logits", "--model", "base", "--adapter", "llama-output", "--prompt", "abc HJH def", "--output", name]
            + more, directory: directory)
        #expect(result.status == 0, "\(result.errors)")
        return try NPZFile(path: "\(directory)/\(name)")
      }
      let all = try file("all.npz", [])
      let rows = try all.floats(named: "logits_0")
      let width = rows.count / 11
      #expect(all["positions_0"] == nil)
      for (index, (selection, positions)) in [
        ("last", [10]), ("activated", Array(4..<11)), ("around", Array(2..<11)), ("0,5,-1,5", [0, 5, 10]), ("3", [3]),
      ].enumerated() {
        for chunk in ["1", "4", "512"] {
          let some = try file("\(index)-\(chunk).npz", ["--positions=" + selection, "--chunk", chunk])
          #expect(try some.integers(named: "positions_0") == positions)
          let expected = positions.flatMap { rows[($0 * width)..<(($0 + 1) * width)] }
          #expect(try some.floats(named: "logits_0").map(\.bitPattern) == expected.map(\.bitPattern))
        }
      }
      let outside = try runAlora(
        ["logits", "--model", "base", "--prompt", "abc", "--output", "x.npz", "--positions", "3"], directory: directory)
      #expect(outside.status == 3 && outside.errors.contains("position 3"), "\(outside.errors)")
    }
  }

  @Test(arguments: [
    ["run", "--prompt", "a", "--file", "b"], ["logits", "--output", "o", "--tokens", "1", "--system", "S"],
    ["logits", "--output", "o", "--prompt", "a", "--messages", "m"], ["tokenize", "--text", "a", "--chat"],
    ["tokenize", "--prompt", "a", "--no-generation-prompt"],
    ["logits", "--output", "o", "--prompt", "a", "--positions", "x"],
    ["golden", "record", "--adapter", "a", "--output", "o"],
  ]) func contradictionsAreWrongUsage(_ arguments: [String]) throws {
    let split = arguments[0] == "golden" ? 2 : 1
    let result = try runAlora(
      Array(arguments[..<split]) + ["--model", "none"] + arguments[split...])
    #expect(result.status == 2, "\(arguments): \(result.errors)")
  }
}
