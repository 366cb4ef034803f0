import AloraJSON
import AloraTestSupport
import Foundation
import Testing

/// `alora run`, as it is called, with a tiny model whose tokenizer is SmolLM2's.
@Suite struct RunCommandTests {
  private func report(_ directory: String, _ arguments: [String]) throws -> JSON {
    let result = try runAlora(["run", "--model", "base", "--json", "--ignore-end"] + arguments, directory: directory)
    #expect(result.status == 0, "\(arguments): \(result.errors)")
    let value = try parseJSON(result.output)
    let validator = try SchemaValidator(path: testData("../schemas/run.schema.json"))
    #expect(try validator.violations(in: value) == [])
    return value
  }

  private static let adapters = [
    "--adapter", "one=llama-output", "--adapter", "two=llama-linear", "--adapter", "plain=llama-lora",
  ]

  private func write(_ lines: [String], _ directory: String) throws {
    try writeFile(Array(lines.joined(separator: "\n").utf8), to: directory + "/turns.jsonl")
  }

  /// A conversation with everything in it, with a cache and without: the same texts.
  @Test func theCacheChangesNoText() throws {
    try withSpellingModel { directory in
      let context = String(repeating: "the same words again ", count: 8)
      try write(
        [
          #"{"prompt": "\#(context)", "limit": 5}"#, #"{"prompt": " HJH", "adapter": "one", "fork": true}"#,
          #"[{"prompt": " HJHx", "adapter": "one"}, {"prompt": " HJHx", "adapter": "two"}, {"prompt": " HJHx"},"#
            + #" {"prompt": " x", "adapter": "plain", "seed": 4}]"#,
          "", #"{"prompt": "goes on", "adapter": "base"}"#, #"{"prompt": "new HJH", "adapter": "two", "reset": true}"#,
        ], directory)
      for sampling in [[], ["--temperature", "0.9", "--top-p", "0.9", "--seed", "18446744073709551615"]] {
        let arguments = Self.adapters + ["--script", "turns.jsonl", "-n", "9", "--margins"] + sampling
        let cached = try report(directory, arguments)
        let bare = try report(directory, arguments + ["--cache-limit", "0", "--threads", "1"])
        let turns = (try cached["turns"].elements(), try bare["turns"].elements())
        #expect(turns.0.count == 8)
        for (one, other) in zip(turns.0, turns.1) {
          for name in ["text", "tokens", "choices", "activation_start", "prompt_tokens"] {
            #expect(try one[optional: name]?.serialized == other[optional: name]?.serialized)
          }
          #expect(try other["cached_tokens"].integer() == 0)
        }
        let reused = try turns.0.map { try $0["cached_tokens"].integer() }
        // 168 letters and an answer of 5, whose last token was not computed before the second prompt. The same adapter
        // reuses its " HJH" (177); others reuse the context up to its start (174), or up to the end of the answer (173).
        #expect(reused == [0, 172, 177, 174, 174, 0, 173, 0])
        let starts = try turns.0.map { try $0[optional: "activation_start"]?.serialized ?? "null" }
        #expect(starts == ["null", "174", "174", "174", "null", "0", "null", "4"])
        #expect(try bare["cache"]["blocks"].integer() == 0)
      }
    }
  }

  @Test func namesAndTheAnswererAreAsGiven() throws {
    try withSpellingModel { directory in
      let arguments = ["--prompt", "xHJH", "-n", "1", "--adapter", "llama-linear", "--adapter", "p=llama-lora"]
      for (more, name) in [([], "\"adapter\""), (["--use", "p"], "\"p\""), (["--use", "base"], "null")] {
        let turns = try report(directory, arguments + more)["turns"].elements()
        #expect(try (turns[0][optional: "adapter"]?.serialized ?? "null") == name)
      }
    }
  }

  /// The template writes u<content>. and "a" for the assistant; an Activated LoRA's invocation takes the "a"'s place.
  @Test func chatPutsTheInvocationWhereTheAnswerBegins() throws {
    try withSpellingModel { directory in
      try write(
        [
          #"{"prompt": "Hi", "limit": 3}"#, #"{"prompt": "yo", "adapter": "one", "fork": true}"#,
          #"{"prompt": "yo", "adapter": "plain"}"#,
        ], directory)
      let turns = try report(directory, Self.adapters + ["--chat", "--script", "turns.jsonl", "-n", "2"])["turns"]
        .elements()
      let first = try turns[0]["prompt_tokens"].integer()
      #expect(first == "uHi.a".count)
      // Three letters were answered: "uHi." + "a…." + "uyo." + invocation, or "a".
      let reply = try turns[0]["text"].string().count
      #expect(try turns[1]["prompt_tokens"].integer() == 4 + 1 + reply + 1 + 4 + 3)
      #expect(try turns[1]["activation_start"].integer() == 4 + 1 + reply + 1 + 4)
      #expect(try turns[2]["prompt_tokens"].integer() == 4 + 1 + reply + 1 + 4 + 1)
      #expect(try turns[2]["activation_start"].integer() == 0)
    }
  }

  @Test func stopTextsAndEndTokensEndTheAnswer() throws {
    try withSpellingModel { directory in
      let whole = try report(directory, ["--prompt", "abc", "-n", "12"])["turns"].elements()[0]
      let text = try whole["text"].string()
      let stop = String(text.dropFirst(4).prefix(2))
      let cut = try report(directory, ["--prompt", "abc", "-n", "12", "--stop", stop])["turns"].elements()[0]
      #expect(try cut["text"].string() == String(text[..<(text.range(of: stop)?.lowerBound ?? text.endIndex)]))
      #expect(try cut["end"].string() == "stop_text")
      #expect(try cut["stop_text"].string() == stop)
      let end = try whole["tokens"].elements()[2].integer()
      try writeFile(Array("{\"eos_token_id\": [\(end), 99]}".utf8), to: directory + "/base/generation_config.json")
      let plain = try runAlora(
        ["run", "--model", "base", "--prompt", "abc", "-n", "12", "--json"], directory: directory)
      let ended = try parseJSON(plain.output)["turns"].elements()[0]
      #expect(try ended["end"].string() == "end_token")
      #expect(try ended["tokens"].elements().last?.integer() == end)
      #expect(try report(directory, ["--prompt", "abc", "-n", "12"])["turns"].elements()[0]["end"].string() == "limit")
    }
  }

  /// Whatever stands under the model's name when a dialogue ends, its cache is of what was computed with.
  @Test func aSavedCacheIsOfTheModelThatWasLoaded() throws {
    try withSpellingModel { directory in
      let weights = directory + "/base/model.safetensors"
      let before = try readFile(weights)
      var after = before
      after[after.count - 1] ^= 1
      try writeFile(after, to: directory + "/other")
      let script = """
        mkfifo in
        "$0" run --model base --save-cache kv -n 3 < in > out 2> errors &
        exec 3> in
        echo hello >&3
        for try in $(seq 400); do [ -s out ] && break; sleep 0.05; done
        mv other base/model.safetensors
        echo /quit >&3
        exec 3>&-
        wait
        """
      _ = try ChildProcess("/bin/sh", ["-c", script, aloraPath], directory: directory).end()
      func load() throws -> CommandResult {
        try runAlora(["run", "--model", "base", "--load-cache", "kv", "--prompt", "hello"], directory: directory)
      }
      let refused = try load()
      #expect(refused.status == 3 && refused.errors.contains("model"), "\(refused.errors)")
      try writeFile(before, to: weights)
      let taken = try load()
      #expect(taken.status == 0, "\(taken.errors)")
    }
  }

  @Test func aCacheIsSavedAndLoaded() throws {
    try withSpellingModel { directory in
      let arguments = ["--prompt", String(repeating: "the same ", count: 12), "-n", "3"]
      let first = try report(directory, arguments + ["--save-cache", "kv"])["turns"].elements()[0]
      let second = try report(directory, arguments + ["--load-cache", "kv", "--save-cache", "kv", "--force"])
      #expect(try second["turns"].elements()[0]["text"].string() == first["text"].string())
      #expect(try second["turns"].elements()[0]["cached_tokens"].integer() == 107)
      func failure(_ more: [String]) throws -> CommandResult {
        try runAlora(["run", "--model", "base"] + arguments + more, directory: directory)
      }
      #expect(try failure(["--save-cache", "kv"]).status == 4)
      #expect(try failure(["--load-cache", "none"]).status == 4)
      var bytes = try readFile(directory + "/kv")
      bytes[bytes.count - 40] ^= 1
      try writeFile(bytes, to: directory + "/kv")
      let damaged = try failure(["--load-cache", "kv"])
      #expect(damaged.status == 3 && damaged.errors.contains("don't match their digest"), "\(damaged.errors)")
      try writeFile(Array("{}".utf8), to: directory + "/kv")
      #expect(try failure(["--load-cache", "kv"]).status == 3)
    }
  }

  @Test func linesOfStandardInputAreAnswered() throws {
    try withSpellingModel { directory in
      let input = "abc\n/adapter one xHJH\n/fork yes\n/cache\n/adapter base\n\n/reset\nabc\n/quit\nnever\n"
      let result = try runAlora(
        ["run", "--model", "base", "-n", "3", "--ignore-end"] + Self.adapters + ["--use", "base"], directory: directory,
        input: input)
      #expect(result.status == 0, "\(result.errors)")
      let answers = result.output.split(separator: "\n", omittingEmptySubsequences: false)
      #expect(answers.count == 5 && answers[0] == answers[3])
      #expect(result.errors.split(separator: "\n").count { $0.hasPrefix("alora: one ") } == 2, "\(result.errors)")
      let unknown = try runAlora(
        ["run", "--model", "base"], directory: directory, input: "/adapter other x\n")
      #expect(unknown.status == 3 && unknown.errors.contains("there is no adapter 'other'"))
    }
  }

  @Test(arguments: [
    ["--prompt", "a", "--script", "x"], ["--json"], ["--prompt", "a", "--margins"], ["--prompt", "a", "-n=-1"],
    ["--prompt", "a", "--temperature", "-1"], ["--prompt", "a", "--top-k", "3"],
    ["--prompt", "a", "--temperature", "1", "--top-p", "2"], ["--prompt", "a", "--adapter", "base=x"],
    ["--prompt", "a", "--adapter", "x=a", "--adapter", "x=b"], ["--prompt", "a", "--use", "nobody"],
    ["--prompt", "a", "--cache-limit=-1"],
  ]) func wrongUsageIsToldApart(_ arguments: [String]) throws {
    let result = try runAlora(["run", "--model", "none"] + arguments)
    #expect(result.status == 2, "\(arguments): \(result.errors)")
  }

  @Test func badScriptsAreRefusedWithTheirLine() throws {
    try withSpellingModel { directory in
      for (line, message) in [
        (#"{"prompt": "a""#, "line 2"), (#"{"prompt": 1}"#, "line 2, $.prompt"), (#"{"adapter": "one"}"#, "line 2"),
        (#"{"prompt": "a", "adaptor": "one"}"#, "unknown member 'adaptor'"),
        (#"[{"prompt": "a", "reset": true}]"#, "can't reset"),
        (#"{"prompt": "a", "adapter": "other"}"#, "there is no adapter 'other'"), (#""a""#, "line 2"),
        (#"{"prompt": "ü"}"#, ""),
      ] {
        try write([#"{"prompt": "a", "limit": 1}"#, line], directory)
        let result = try runAlora(
          ["run", "--model", "base", "--script", "turns.jsonl"] + Self.adapters, directory: directory)
        #expect(result.status == (message.isEmpty ? 0 : 3), "\(line): \(result.errors)")
        #expect(message.isEmpty || result.errors.contains(message), "\(line): \(result.errors)")
      }
      #expect(try runAlora(["run", "--model", "base", "--script", "none"], directory: directory).status == 4)
      #expect(try runAlora(["run", "--model", "base", "--prompt", ""], directory: directory).status == 3)
    }
  }
}
