import AloraJSON
import AloraTestSupport
import Foundation
import Testing

/// `alora serve` as a process.
@Suite(.timeLimit(.minutes(5))) struct ServeCommandTests {
  /// Starts the command, and calls `body` once it listens.
  private func withServer(
    _ directory: String, _ arguments: [String], _ body: (LoopbackClient, ChildProcess) async throws -> Void
  ) async throws -> CommandResult {
    try await withServer(
      of: ["--model", directory + "/base", "--adapter", "check=\(directory)/llama-output"] + arguments, body)
  }

  private func withServer(
    of arguments: [String], _ body: (LoopbackClient, ChildProcess) async throws -> Void
  ) async throws -> CommandResult {
    let pipe = Pipe()
    let process = try ChildProcess(
      aloraPath, ["serve", "--port", "0", "--json"] + arguments,
      standardOutput: pipe.fileHandleForWriting.fileDescriptor)
    try pipe.fileHandleForWriting.close()
    var line: [UInt8] = []
    while let byte = try pipe.fileHandleForReading.read(upToCount: 1)?.first, byte != 0x0A { line.append(byte) }
    let text = String(decoding: line, as: UTF8.self)
    guard !text.isEmpty else { return try process.end() }
    #expect(try SchemaValidator(path: testData("../schemas/serve.schema.json")).violations(in: parseJSON(text)).isEmpty)
    do { try await body(LoopbackClient(port: parseJSON(text)["port"].integer()), process) } catch {
      process.send(SIGKILL)
      _ = try process.end()
      throw error
    }
    return try process.end()
  }

  private func withModel(_ body: (String) async throws -> Void) async throws {
    let directory = NSTemporaryDirectory() + "alora-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try writeSpellingModel(to: directory)
    try await body(directory)
  }

  @Test(arguments: [SIGINT, SIGTERM]) func aSignalEndsItAfterItsRequests(_ signal: Int32) async throws {
    try await withModel { directory in
      let result = try await withServer(directory, ["--threads", "1"]) { client, process in
        #expect(try await client.get("/v1/models").json["data"].elements().count == 2)
        let connection = try LoopbackConnection(port: client.port)
        try connection.send(
          client.text("POST", "/completion", #"{"prompt":"a","n_predict":40,"stream":true,"ignore_eos":true}"#))
        _ = try await connection.receive(until: "data:")
        process.send(signal)
        #expect(try await connection.receive(until: "[DONE]").contains(#""tokens_predicted":40"#))
      }
      #expect(result.status == 0 && result.exitedNormally, "\(result)")
      #expect(result.errors.hasPrefix("alora: listening on http://127.0.0.1:"))
      #expect(result.errors.hasSuffix(", serving base, check\n"))
    }
  }

  @Test func aGraniteSwitchIsServedWithItsSlots() async throws {
    let directory = NSTemporaryDirectory() + "alora-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try writeSpellingSwitch(to: directory)
    let result = try await withServer(of: ["--model", directory, "--alias", "tiny", "--threads", "1"]) {
      client, process in
      let completion = #"{"prompt":"DB<ranked>E","n_predict":3,"temperature":0,"ignore_eos":true}"#
      let served = try await client.post("/completion", completion).json["content"].string()
      let run = try runAlora(
        ["run", "--model", directory, "--prompt", "DB<ranked>E", "-n", "3", "--ignore-end", "--json"])
      #expect(try parseJSON(run.output)["turns"].elements()[0]["text"].string() == served)
      let both = try await client.post("/completion", #"{"prompt":"A<plain>B<ranked>"}"#)
      #expect(both.status == 400 && both.body.contains("of 'plain' and 'ranked'"), "\(both.body)")
      process.send(SIGTERM)
    }
    #expect(result.status == 0 && result.errors.hasSuffix(", serving tiny, plain, ranked, patterned\n"), "\(result)")
  }

  @Test func nothingOfARequestIsLogged() async throws {
    try await withModel { directory in
      let result = try await withServer(directory, ["--quiet"]) { client, process in
        for body in [#"{"prompt":"secret"}"#, #"{"prompt":"secret""#, #"{"model":"secret"}"#] {
          _ = try await client.post("/v1/completions", body)
        }
        process.send(SIGTERM)
      }
      #expect(result.status == 0 && result.errors.isEmpty, "\(result.errors)")
    }
  }

  @Test func aKeyFileHasOneKeyInEachLine() async throws {
    try await withModel { directory in
      try writeFile(Array("# ours\n\n one \r\ntwo\n".utf8), to: directory + "/keys")
      _ = try await withServer(directory, ["--api-key-file", directory + "/keys"]) { client, process in
        for (key, status) in [("one", 200), ("two", 200), ("# ours", 401), ("", 401)] {
          let found = try await client.get("/v1/models", headers: ["Authorization": "Bearer \(key)"]).status
          #expect(found == status, "\(key)")
        }
        process.send(SIGTERM)
      }
      try writeFile(Array("# none\n".utf8), to: directory + "/keys")
      let refused = try await withServer(directory, ["--api-key-file", directory + "/keys"]) { _, _ in }
      #expect(refused.status == 3 && refused.errors.contains("contains no key"), "\(refused.errors)")
    }
  }

  @Test func aPortInUseIsNamed() async throws {
    try await withModel { directory in
      let busy = try FakeServer { _ in .init(text: "") }
      let result = try runAlora(["serve", "--model", directory + "/base", "--port", "\(busy.port)"])
      #expect(result.status == 4, "\(result)")
      #expect(
        result.errors
          == "alora: 127.0.0.1:\(busy.port): another process uses the port; choose another port, or end that process\n")
    }
  }

  /// With few open files, the first event loop would end the process.
  @Test(arguments: [8, 12, 16, 20, 24, 28]) func tooFewOpenFilesAreNamed(_ limit: Int) async throws {
    try await withModel { directory in
      let words = "ulimit -n \(limit); exec \"$0\" serve --model \"$1\" --port 0"
      let process = try ChildProcess("/bin/sh", ["-c", words, aloraPath, directory + "/base"])
      let result = try process.end()
      #expect(result.status == 4 && result.exitedNormally, "\(result)")
      #expect(result.errors.hasPrefix("alora: a server needs ") && result.errors.contains("may have \(limit);"))
    }
  }

  @Test func serversAreMeasuredBesideEachOther() async throws {
    try await withModel { directory in
      _ = try await withServer(directory, ["--quiet"]) { one, process in
        _ = try await withServer(directory, ["--quiet", "--adapter", "other=\(directory)/llama-linear"]) { two, other in
          let plot = directory + "/plot.svg"
          let words = [
            "bench", "serve", "--contexts", "20,40", "--conversations", "3", "--generated", "2", "--repeats", "2",
          ]
          let servers = ["--server", "one=http://127.0.0.1:\(one.port)", "--server", "http://127.0.0.1:\(two.port)"]
          let result = try runAlora(words + servers + ["--plot", plot, "--json"])
          #expect(result.status == 0, "\(result)")
          let report = try parseJSON(result.output)
          let violations = try SchemaValidator(path: testData("../schemas/bench-serve.schema.json")).violations(
            in: report)
          #expect(violations.isEmpty, "\(violations)")
          #expect(try report["servers"].elements().map { try $0["name"].string() }[0] == "one")
          let runs = try report["runs"].elements()
          #expect(try runs.map { try $0["context_tokens"].integer() } == [20, 20, 40, 40])
          // The context and the base's answer, up to the last one that nothing has read.
          for run in runs {
            let (context, cached) = (try run["context_tokens"].integer(), try run["adapter_cached_tokens"].integer())
            #expect((context + 1...context + 2).contains(cached), "\(context): \(cached)")
          }
          #expect(String(decoding: try readFile(plot), as: UTF8.self).hasPrefix("<svg"))
          let text = try runAlora(words + servers + ["--quiet"])
          #expect(text.status == 0 && text.output.split(separator: "\n").count > 4, "\(text)")
          // The first server's adapters count; the other way round, one is missing.
          let reversed = try runAlora(words + ["--server", servers[3], "--server", servers[1]])
          #expect(reversed.status == 3 && reversed.errors.contains("lacks an adapter"), "\(reversed)")
          other.send(SIGTERM)
        }
        process.send(SIGTERM)
      }
    }
  }

  @Test func aBenchmarkOfServersNeedsServers() throws {
    #expect(try runAlora(["bench", "serve"]).status == 2)
    #expect(try runAlora(["bench", "serve", "--server", "http://127.0.0.1:1", "--contexts", "0"]).status == 2)
    let port = try RefusingPort()
    #expect(try runAlora(["bench", "serve", "--server", port.url]).status == 4)
  }

  @Test(arguments: [
    ["--port", "70000"], ["--adapter", "a=x", "--adapter", "a=y"], ["--adapter", "base=x"], ["--max-active", "0"],
    ["--time-limit", "0"], ["--threads", "0"],
  ]) func wrongUsageIsRefusedAtOnce(_ arguments: [String]) throws {
    #expect(try runAlora(["serve", "--model", "nothing"] + arguments).status == 2)
  }

  @Test func whatIsMissingIsNamed() async throws {
    try await withModel { directory in
      let model = ["serve", "--model", directory + "/base", "--port", "0"]
      let adapter = try runAlora(model + ["--adapter", "a=\(directory)/nothing"])
      #expect(adapter.status == 4 && adapter.errors.contains("nothing"), "\(adapter)")
      let root = try runAlora(model + ["--adapter-root", directory + "/nothing"])
      #expect(root.status == 3 && root.errors.contains("not a directory"), "\(root)")
      let taken = try runAlora(model + ["--adapter", "x=\(directory)/llama-output", "--alias", "x"])
      #expect(taken.status == 2 && taken.errors.contains("base's name"), "\(taken)")
    }
  }
}
