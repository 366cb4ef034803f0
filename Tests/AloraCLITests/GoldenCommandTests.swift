import AloraJSON
import AloraNPZ
import AloraTensors
import AloraTestSupport
import Foundation
import Testing

/// `alora golden record`, and `alora verify` with what it makes.
@Suite struct GoldenCommandTests {
  private func model(_ name: String = "llama") throws -> [String] {
    ["--model", try testData("inference/\(name)/base"), "--adapter", try testData("inference/\(name)/adapter")]
  }

  private func record(
    _ lines: [String], in directory: String, _ more: [String] = []
  ) throws -> (path: String, report: JSON) {
    let (prompts, path) = (directory + "/prompts.jsonl", directory + "/golden.npz")
    try writeFile(Array(lines.joined(separator: "\n").utf8), to: prompts)
    let result = try runAlora(
      ["golden", "record", "--prompts", prompts, "--output", path, "--force", "--json"] + model() + more)
    #expect(result.status == 0, "\(result.errors)")
    let report = try parseJSON(result.output)
    #expect(
      try SchemaValidator(path: testData("../schemas/golden-record.schema.json")).violations(in: report) == [])
    return (path, report)
  }

  private func verify(_ golden: String, _ more: [String] = []) throws -> (
    status: Int32, findings: [JSON], bits: String?, cases: [Int]
  ) {
    let result = try runAlora(["verify", "--golden", golden, "--json"] + model() + more)
    #expect([0, 1].contains(result.status), "\(result.errors)")
    let report = try parseJSON(result.output)
    #expect(try SchemaValidator(path: testData("../schemas/verify.schema.json")).violations(in: report) == [])
    let proofs = try report["proofs"].elements()
    return (
      result.status,
      try proofs.flatMap { try $0["findings"].elements().map { try $0["finding"] } },
      try proofs[3]["figures"]["golden"]["bits"].string(),
      try proofs.flatMap { try $0["findings"].elements().compactMap { try $0[optional: "case"]?.integer() } }
    )
  }

  private static let prompts = [
    #"{"tokens": [1, 20, 30, 40, 7, 9, 7, 11, 12, 13], "id": "middle", "label": "passed over"}"#, "",
    #"{"tokens": [3, 4, 5, 6, 8], "id": 17}"#, #"{"tokens": [2, 7, 9, 7]}"#,
  ]

  @Test func whatIsRecordedIsWhatLogitsComputes() throws {
    try withTemporaryDirectory { directory in
      let (path, report) = try record(Self.prompts, in: directory, ["--positions", "all"])
      let file = try NPZFile(path: path)
      let cases = try report["cases"].elements()
      #expect(try cases.map { try $0["name"].string() } == ["middle", "17", "prompt 2"])
      #expect(try cases.map { try $0["activation_start"].integer() } == [4, -1, 1])
      #expect(try parseJSON(file.text(named: "meta")).serialized == report.serialized)
      for (index, start) in [4, -1, 1].enumerated() {
        let tokens = try file.integers(named: "tokens_\(index)")
        #expect(try file.integer(named: "activation_start_\(index)") == start)
        #expect(try file.integers(named: "positions_\(index)") == Array(tokens.indices))
        for (name, more) in [("base", ["--activation-start=-1"]), ("adapted", [])] {
          let logits = directory + "/logits.npz"
          let list = tokens.map(String.init).joined(separator: ",")
          let made = try runAlora(["logits", "--tokens", list, "--output", logits, "--force"] + model() + more)
          #expect(made.status == 0, "\(made.errors)")
          let expected = try NPZFile(path: logits).floats(named: "logits_0").map(\.bitPattern)
          #expect(try file.floats(named: "\(name)_logits_\(index)").map(\.bitPattern) == expected)
        }
      }
    }
  }

  @Test(arguments: [
    ("around", [[2, 3, 4, 5, 6, 7, 8, 9], [2, 3, 4], [0, 1, 2, 3]]),
    ("activated", [[4, 5, 6, 7, 8, 9], [4], [1, 2, 3]]),
    ("last", [[9], [4], [3]]),
  ]) func positionsAreKeptAsAsked(_ selection: String, _ expected: [[Int]]) throws {
    try withTemporaryDirectory { directory in
      let file = try NPZFile(path: record(Self.prompts, in: directory, ["--positions", selection]).path)
      #expect(try expected.indices.map { try file.integers(named: "positions_\($0)") } == expected)
      #expect(try expected.indices.allSatisfy { try file.array(named: "base_logits_\($0)").shape.dimensions[1] == 96 })
    }
  }

  /// The template's text. If it lacks the invocation, the invocation replaces the generation prompt.
  @Test func messagesGoThroughTheChatTemplate() throws {
    try withSpellingModel { directory in
      // The template writes "uHi.", and "a" as the generation prompt; the invocation is "HJH".
      for (name, messages, text, start) in [
        ("llama-output", #"[{"role": "user", "content": "Hi"}]"#, "uHi.HJH", 4),
        (
          "llama-output", #"[{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "HJH"}]"#,
          "uHi.aHJH.a", 5
        ),
        ("llama-lora", #"[{"role": "user", "content": "Hi"}]"#, "uHi.a", 0),
      ] {
        try writeFile(Array(#"{"id": 3, "messages": \#(messages)}"#.utf8), to: directory + "/p.jsonl")
        let result = try runAlora(
          [
            "golden", "record", "--model", "base", "--adapter", name, "--prompts", "p.jsonl", "--output", "g.npz",
            "--json",
          ],
          directory: directory)
        #expect(result.status == 0, "\(result.errors)")
        let item = try #require(parseJSON(result.output)["cases"].elements().first)
        #expect(try item["activation_start"].integer() == start && item["name"].string() == "3")
        let letters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 .")
        let tokens = try NPZFile(path: directory + "/g.npz").integers(named: "tokens_0")
        #expect(String(tokens.map { letters[$0] }) == text)
        #expect(
          try runAlora(
            ["verify", "--model", "base", "--adapter", name, "--golden", "g.npz", "--exact", "--quiet"],
            directory: directory
          ).status == 0)
        try FileManager.default.removeItem(atPath: directory + "/g.npz")
        try FileManager.default.removeItem(atPath: directory + "/p.jsonl")
      }
      for (line, problem) in [
        (#"{"messages": 5}"#, "line 1"),
        (#"{"messages": [{"role": "user"}]}"#, "content"),
      ] {
        try writeFile(Array(line.utf8), to: directory + "/p.jsonl")
        let result = try runAlora(
          [
            "golden", "record", "--model", "base", "--adapter", "llama-lora", "--prompts", "p.jsonl", "--output",
            "g.npz",
          ],
          directory: directory)
        #expect(result.status == 3 && result.errors.contains(problem), "\(line): \(result)")
        try FileManager.default.removeItem(atPath: directory + "/p.jsonl")
      }
    }
  }

  @Test func goldensThatNeverActivateProveNothing() throws {
    try withTemporaryDirectory { directory in
      let path = try record([#"{"tokens": [1, 2, 3]}"#], in: directory).path
      let result = try verify(path)
      #expect(result.status == 1)
      #expect(
        try result.findings.map { try $0["kind"].string() } == ["no-prompt-activates", "activation-not-shown"])
    }
  }

  /// The digests as anyone can compute them, from a file that keeps all rows.
  @Test func numPyReadsIt() throws {
    try withTemporaryDirectory { directory in
      let path = try record(Self.prompts, in: directory, ["--positions", "all"]).path
      let script = """
        import hashlib, json, sys, zipfile, struct
        meta = None
        arrays = {}
        with zipfile.ZipFile(sys.argv[1]) as archive:
            for name in archive.namelist():
                data = archive.read(name)
                length = struct.unpack("<H", data[8:10])[0]
                header = eval(data[10:10 + length], {})
                arrays[name[:-4]] = (header, data[10 + length:])
        meta = json.loads(arrays["meta"][1])
        for index, case in enumerate(meta["cases"]):
            for kind in ("base", "adapted"):
                header, data = arrays[f"{kind}_logits_{index}"]
                assert header["descr"] == "<f4" and not header["fortran_order"]
                rows, width = header["shape"]
                digests = b"".join(hashlib.sha256(data[i * width * 4:(i + 1) * width * 4]).digest() for i in range(rows))
                assert hashlib.sha256(digests).hexdigest() == case[f"{kind}_sha256"]
        try:
            import numpy
        except ImportError:
            sys.exit(0)
        with numpy.load(sys.argv[1]) as archive:
            assert archive["tokens_0"].tolist() == [1, 20, 30, 40, 7, 9, 7, 11, 12, 13]
            assert archive["adapted_logits_0"].shape == (10, 96) and archive["activation_start_1"] == -1
            assert json.loads(archive["meta"].item()) == meta
        """
      #expect(try ChildProcess("/usr/bin/env", ["python3", "-c", script, path]).end().status == 0)
    }
  }

  @Test func recordedBitsAreDemanded() throws {
    try withTemporaryDirectory { directory in
      let path = try record(Self.prompts, in: directory).path
      let good = try verify(path, ["--exact"])
      #expect(good.status == 0 && good.bits == "compared", "\(good)")
      // The same arrays with another record, or other arrays with the same.
      let (archive, other) = (try NPZFile(path: path), directory + "/other.npz")
      func rewrite(_ change: (String, [Float]) -> [Float], meta: (String) -> String) throws {
        let writer = try NPZWriter(path: other, replacesExisting: true, compression: .stored)
        for array in archive.arrays where array.name != "meta" {
          if array.name.contains("logits") {
            try writer.add(
              array.name, floats: change(array.name, archive.floats(named: array.name)), shape: array.shape)
          } else {
            try writer.add(array.name, integers: archive.integers(named: array.name), shape: array.shape)
          }
        }
        try writer.add("meta", text: meta(archive.text(named: "meta")))
        try writer.finish()
      }
      func replaced(_ name: String, _ value: String) throws -> (String) -> String {
        let pattern = try Regex("\"\(name)\": ?\"?[0-9a-f]+\"?")
        return { $0.replacing(pattern, with: "\"\(name)\":\(value)", maxReplacements: 1) }
      }
      try rewrite({ $1 }, meta: replaced("adapted_sha256", "\"00\""))
      let changed = try verify(other)
      #expect(changed.status == 1 && changed.findings.count == 1)
      #expect(
        try changed.findings[0]["kind"].string() == "recorded-bits-differ"
          && changed.findings[0]["weights"].string() == "adapted"
          && changed.findings[0][optional: "position"]?.isNull != false)
      for (name, value, reason) in [
        ("adapter_sha256", "\"00\"", "other-adapter"), ("model_sha256", "\"00\"", "other-model"),
        ("exactness_version", "999", "other-version"),
      ] {
        try rewrite({ $1 }, meta: replaced(name, value))
        let result = try verify(other)
        #expect(result.status == 0 && result.bits == reason, "\(result)")
        let strict = try verify(other, ["--exact"])
        #expect(
          try strict.status == 1
            && strict.findings.contains {
              try $0["kind"].string() == "bits-not-comparable" && $0["reason"].string() == reason
            }, "\(strict)")
      }
      try rewrite({ $1 }, meta: { _ in "{\"exactness_version\": 1}" })
      #expect(try runAlora(["verify", "--golden", other] + model()).status == 3)
      // Somebody else's meta is nobody's business, and no bits are compared.
      try rewrite({ $1 }, meta: { _ in "not JSON" })
      #expect(try verify(other).status == 0 && verify(other, ["--exact"]).status == 1)
      try rewrite({ name, row in name == "base_logits_0" ? [row[0].nextUp] + row.dropFirst() : row }, meta: { $0 })
      // The run has the recorded bits, and the row in the file has not.
      let touched = try verify(other)
      #expect(touched.status == 1 && touched.findings.count == 1, "\(touched)")
      #expect(
        try touched.findings[0]["kind"].string() == "golden-file-changed"
          && touched.findings[0]["weights"].string() == "base" && touched.findings[0]["position"].integer() == 2)
    }
  }

  /// `tolerance_i` is before `tolerance`, and the option before both.
  @Test func goldensSayWhatTheyTolerate() throws {
    try withTemporaryDirectory { directory in
      let archive = try NPZFile(path: testData("inference/llama/golden.npz"))
      func golden(_ tolerances: [String: Float]) throws -> String {
        let path = directory + "/g.npz"
        let writer = try NPZWriter(path: path, replacesExisting: true, compression: .stored)
        for index in 0..<2 {
          let tokens = try archive.array(named: "tokens_\(index)")
          try writer.add("tokens_\(index)", integers: archive.integers(named: tokens.name), shape: tokens.shape)
          let logits = try archive.array(named: "adapted_logits_\(index)")
          try writer.add(logits.name, floats: archive.floats(named: logits.name), shape: logits.shape)
        }
        for (name, value) in tolerances { try writer.add(name, floats: [value], shape: #require(Shape([]))) }
        try writer.finish()
        return path
      }
      // PyTorch and this engine differ, and by less than the default.
      for (tolerances, more, failing) in [
        ([:], [], []), (["tolerance": 1e-12], [], [0, 1]), (["tolerance_1": 1e-12], [], [1]),
        (["tolerance": 1e-12, "tolerance_0": 1e-3], [], [1]),
        (["tolerance": 1e-12], ["--tolerance", "1e-4"], []),
      ] as [([String: Float], [String], [Int])] {
        let result = try verify(golden(tolerances), more)
        #expect(Set(result.cases) == Set(failing), "\(tolerances) \(more): \(result.findings)")
      }
      for bad in [0, 1, -1, Float.nan] {
        let result = try runAlora(["verify", "--golden", golden(["tolerance_0": bad])] + model())
        #expect(result.status == 3 && result.errors.contains("tolerance_0"), "\(result.errors)")
      }
    }
  }

  @Test func badPromptsAreRefusedAndLeaveNoFile() throws {
    try withTemporaryDirectory { directory in
      let prompts = directory + "/p.jsonl"
      let output = directory + "/g.npz"
      for (line, problem) in [
        (#"{"text": "a"}"#, "tokenizer"), (#"{"messages": []}"#, "$.messages"), (#"{}"#, "line 1"),
        (#"{"text": "a", "tokens": [1]}"#, "found 2"), (#"{"tokens": []}"#, "no tokens"), (#"{"tokens": [96]}"#, "96"),
        (#"{"tokens": ["a"]}"#, "line 1"), ("[", "line 1"), ("", "no prompts"),
        // The fixture's context is 512.
        ("{\"tokens\": [\([String](repeating: "1", count: 513).joined(separator: ", "))]}", "513 tokens"),
      ] {
        try writeFile(Array(line.utf8), to: prompts)
        let result = try runAlora(
          ["golden", "record", "--prompts", prompts, "--output", output] + model())
        #expect(result.status == 3 && result.errors.contains(problem), "\(line): \(result.errors)")
        #expect(!FileManager.default.fileExists(atPath: output))
      }
      try writeFile(Array(Self.prompts[0].utf8), to: prompts)
      let call = ["golden", "record", "--prompts", prompts, "--output", output] + (try model())
      #expect(try runAlora(call).status == 0)
      #expect(try runAlora(call).status == 4, "a file that is there is not replaced")
      #expect(try runAlora(Array(call.dropLast(2))).status == 2)
      #expect(try runAlora(call + ["--positions", "some"]).status == 2)
      #expect(try runAlora(call + ["--backend", "openblas"]).status == 2)
    }
  }
}
