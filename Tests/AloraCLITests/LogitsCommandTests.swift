import AloraJSON
import AloraInference
import AloraNPZ
import AloraTestSupport
import Testing

/// `alora logits` and `alora bench`, as they are called.
@Suite struct LogitsCommandTests {
  private func model(_ name: String = "llama") throws -> [String] {
    ["--model", try testData("inference/\(name)/base")]
  }
  private func adapter(_ name: String = "llama") throws -> [String] {
    ["--adapter", try testData("inference/\(name)/adapter")]
  }

  private func conforming(_ arguments: [String], to name: String) throws -> JSON {
    let result = try runAlora(arguments)
    #expect(result.status == 0, "\(arguments): \(result.errors)")
    let value = try parseJSON(result.output)
    let validator = try SchemaValidator(path: testData("../schemas/\(name).schema.json"))
    #expect(try validator.violations(in: value) == [])
    return value
  }

  @Test func theFileIsTheSameForEveryChunkNumberOfThreadsAndInstructionSet() throws {
    try withTemporaryDirectory { directory in
      let texts = directory + "/texts.json"
      try writeFile(Array("[[1, 5, 7, 9, 7, 20, 21, 22], [3], [7, 9, 7]]".utf8), to: texts)
      var files: [[UInt8]] = []
      let sets = InstructionSet.available.map { ["--instruction-set", $0.rawValue] }
      for variant in [["--chunk", "1", "--threads", "1"], ["--chunk", "3", "--threads", "3"], []] + sets {
        let path = "\(directory)/\(files.count).npz"
        let result = try runAlora(
          ["logits", "--tokens-file", texts, "--output", path] + model() + adapter() + variant)
        #expect(result.status == 0, "\(result.errors)")
        files.append(try readFile(path))
      }
      #expect(files.count >= 4 && Set(files).count == 1)
      let file = try NPZFile(path: directory + "/0.npz")
      #expect(try file.integers(named: "tokens_0") == [1, 5, 7, 9, 7, 20, 21, 22])
      #expect(try file.floats(named: "logits_0").count == 8 * 96)
      let starts = try (0..<3).map { try file.integer(named: "activation_start_\($0)") }
      #expect(starts == [2, -1, 0])
    }
  }

  @Test func theReportConformsAndTellsWhereTheAdapterBegins() throws {
    try withTemporaryDirectory { directory in
      func start(_ more: [String]) throws -> Int {
        let report = try conforming(
          ["logits", "--tokens", "1,2,7,9,7,4", "--output", directory + "/out.npz", "--force", "--json"] + model()
            + adapter() + more, to: "logits")
        return try report["texts"].elements()[0]["activation_start"].integer()
      }
      let found = try [
        [], ["--activation", "legacy"], ["--activation", "llama-server"], ["--activation-start", "5"],
        ["--activation-start=-1"],
      ].map(start)
      #expect(found == [2, 3, 1, 5, -1])
    }
  }

  @Test(arguments: [
    [], ["--tokens", "1,x"], ["--tokens", "1", "--prompt", "a"], ["--tokens", "1", "--chunk", "0"],
    ["--tokens", "1", "--activation", "never"], ["--tokens", "1", "--activation-start", "1"],
    ["--tokens", "1", "--threads", "0"], ["--tokens", "1", "--backend", "other"],
    ["--tokens", "1", "--instruction-set", "other"],
    ["--tokens", "1", "--instruction-set", InstructionSet.available.contains(.neon) ? "avx2" : "neon"],
  ]) func wrongUsageIsToldApart(_ arguments: [String]) throws {
    let result = try runAlora(["logits", "--output", "/nonexistent/out.npz"] + model() + arguments)
    #expect(result.status == 2, "\(result.errors)")
  }

  @Test func whatCannotBeComputedIsRefusedAndLeavesNoFile() throws {
    try withTemporaryDirectory { directory in
      let path = directory + "/out.npz"
      let outside = try runAlora(["logits", "--tokens", "1,96", "--output", path] + model())
      #expect(outside.status == 3)
      #expect(outside.errors.contains("96 is not a token of the model"))
      let foreign = try runAlora(["logits", "--tokens", "1", "--output", path] + model() + adapter("qwen2"))
      #expect(foreign.status == 3)
      let missing = try runAlora(["logits", "--tokens", "1", "--output", path, "--model", directory + "/none"])
      #expect(missing.status == 4)
      #expect(caught(NPZError.self) { _ = try NPZFile(path: path) } == nil)
      for (text, place) in [("[]", "$"), ("[[]]", "$[0]"), ("[[1], []]", "$[1]")] {
        let texts = directory + "/texts.json"
        try writeFile(Array(text.utf8), to: texts)
        let empty = try runAlora(["logits", "--tokens-file", texts, "--output", path] + model())
        #expect(empty.status == 3)
        #expect(empty.errors.contains(": \(place): a text without tokens"), "\(empty.errors)")
      }
      #expect((try? readFile(path)) == nil)
    }
  }

  @Test func oneTextIsNotCalledTexts() throws {
    try withTemporaryDirectory { directory in
      let result = try runAlora(["logits", "--tokens", "1", "--output", directory + "/out.npz"] + model())
      #expect(result.errors.hasPrefix("alora: 1 text, 1 position written"), "\(result.errors)")
    }
  }

  @Test(arguments: ["prefill", "decode"]) func benchmarksReport(_ task: String) throws {
    let report = try conforming(
      ["bench", task, "--tokens", "3", "--context", "4", "--repeats", "1", "--json"] + model(), to: "bench")
    #expect(try report["tokens"].integer() == 3)
  }

  @Test func decodingIsMeasuredWithSeveralSequencesAtOnce() throws {
    let arguments = ["--tokens", "3", "--context", "4", "--repeats", "1", "--sequences", "5", "--json"]
    let report = try conforming(["bench", "decode"] + arguments + model() + adapter(), to: "bench")
    #expect(try report["sequences"].integer() == 5)
    let rate = try report["tokens_per_second"].number() * report["seconds"].number()
    #expect(abs(rate - 15) < 0.001, "three tokens of five sequences")
    #expect(try runAlora(["bench", "prefill"] + arguments + model()).status == 2)
  }

  /// The times are the machine's; what is computed and what is kept is not.
  @Test func firstTokenBenchmarksComputeTheCallAlone() throws {
    try withTemporaryDirectory { directory in
      let arguments =
        ["bench", "ttft", "--contexts", "16,70", "--repeats", "2", "--pipeline-context", "60", "--generated", "3"]
        + ["--plot", directory + "/plot.svg"] + (try model()) + (try adapter())
      let report = try conforming(arguments + ["--json"], to: "bench-ttft")
      let rows = try report["contexts"].elements()
      #expect(try rows.map { try $0["tokens"].integer() } == [16, 70])
      // A token of its own, and an invocation of three.
      #expect(try rows.map { try $0["alora_computed_tokens"].integer() } == [4, 4])
      let pipeline = try report["pipeline"]
      // 62 positions of the base are two blocks. Each call ends the second with a token of its own, the first call in the
      // base's place, and has a third from its activation at 64 on. A plain LoRA has three for itself.
      #expect(try pipeline["base_blocks"].integer() == 2)
      #expect(try pipeline["alora_blocks"].integer() == 1 + 3 * 2)
      #expect(try pipeline["lora_blocks"].integer() == 2 + 3 * 3)
      let plot = String(decoding: try readFile(directory + "/plot.svg"), as: UTF8.self)
      #expect(plot.hasPrefix("<svg"))
      #expect(try runAlora(arguments).status == 4)
      let without = try conforming(arguments + ["--force", "--adapters", "0", "--json"], to: "bench-ttft")
      #expect(try without[optional: "pipeline"] == nil)
    }
  }

  @Test func kernelBenchmarksReportEveryType() throws {
    let report = try conforming(
      ["bench", "kernels", "--rows", "33", "--columns", "256", "--tokens", "2", "--json"], to: "bench-kernels")
    #expect(try report["types"].elements().count == 26)
  }
}
