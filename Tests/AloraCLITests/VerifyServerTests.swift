import AloraInference
import AloraJSON
import AloraTestSupport
import Foundation
import Testing

/// `alora verify --server` against engines in this process.
@Suite struct VerifyServerTests {
  private func arguments(_ server: FakeServer, _ more: [String] = []) throws -> [String] {
    [
      "verify", "--server", server.url, "--model", try testData("inference/llama/base"), "--adapter",
      try testData("inference/llama/adapter"),
    ] + more
  }

  private func engine(
    _ dialect: FakeEngine.Dialect = .llamaServer, _ fault: FakeEngine.Fault = .none, adapterCount: Int = 1
  ) throws -> FakeServer {
    let pool = ThreadPool(threadCount: 1)
    let model = try Model(path: testData("inference/llama/base"), pool: pool)
    let adapter = try Adapter(path: testData("inference/llama/adapter"), model: model, pool: pool)
    return try FakeEngine(dialect, model: model, adapter: adapter, fault: fault, adapterCount: adapterCount).serve()
  }

  @Test(arguments: [FakeEngine.Fault.none, .early, .off, .keepsCache]) func reportsConform(_ fault: FakeEngine.Fault)
    throws
  {
    let server = try engine(.llamaServer, fault)
    let status: Int32 = fault == .none ? 0 : 1
    let result = try runAlora(arguments(server, ["--json"]))
    #expect(result.status == status, "\(result.errors)")
    let report = try parseJSON(result.output)
    let validator = try SchemaValidator(path: testData("../schemas/verify-server.schema.json"))
    #expect(try validator.violations(in: report) == [])
    #expect(try report["passed"].boolean() == (fault == .none))
    #expect(try report["server"]["default_scale"].number() == 0)
    #expect(try report["notes"].elements().count == 1)
    for check in try report["checks"].elements() where try check["outcome"].string() == "passed" {
      #expect(try check["compatible"].elements().first != nil)
    }
    let text = try runAlora(arguments(server))
    #expect(text.status == status)
    let middle = try #require(try report["checks"].elements().first { try $0["check"].string() == "middle" })
    let expected: [FakeEngine.Fault: (String, String)] = [
      .none: ("expected", "invocation"), .early: ("other", "invocation"), .off: ("other", "off"),
      .keepsCache: ("expected", "invocation"),
    ]
    #expect(try middle["conclusion"].string() == expected[fault]?.0)
    #expect(try middle["compatible"].elements()[0]["activation"].string() == expected[fault]?.1)
  }

  @Test(arguments: [FakeEngine.Fault.none, .early]) func reportsForCI(_ fault: FakeEngine.Fault) throws {
    let server = try engine(.llamaServer, fault)
    try withTemporaryDirectory { directory in
      let kinds = ["json", "junit", "html", "github"]
      let result = try runAlora(arguments(server, kinds.flatMap { ["--report", "\($0)=\(directory)/\($0)"] }))
      #expect(result.status == (fault == .none ? 0 : 1), "\(result.errors)")
      func text(_ kind: String) throws -> String {
        String(decoding: try readFile("\(directory)/\(kind)"), as: UTF8.self)
      }
      let checks = try parseJSON(text("json"))["checks"].elements()
      let failed = try checks.filter { try ["failed", "undecided"].contains($0["outcome"].string()) }.count
      let skipped = try checks.filter { try $0["outcome"].string() == "skipped" }.count
      #expect((failed > 0) == (fault != .none))
      let (junit, page) = (XMLPage(try text("junit")), XMLPage(try text("html")))
      #expect(junit.error == nil && junit.all("testcase").count == checks.count)
      #expect(junit.all("failure").count == failed && junit.all("skipped").count == skipped)
      #expect(page.error == nil && page.all("li").filter { $0.path.last == "ul" }.count == checks.count)
      let findings = page.all("li").filter { $0.path.last == "ol" }.map(\.text)
      // Faults first, then what passed.
      #expect((fault != .none || findings.count == 1) && findings.last?.contains("✓") == true)
      #expect(findings.first?.contains("✓") == (fault == .none))
      #expect(page.all("h1").first?.text.contains(fault == .none ? "✓" : "✗") == true)
      // `make report-check` opens it in a browser.
      if let pages = ProcessInfo.processInfo.environment["ALORA_PAGES"] {
        try writeFile(Array(text("html").utf8), to: "\(pages)/server-\(fault).html")
      }
      #expect(try text("github").hasPrefix(fault == .none ? "### ✅ alora verify (server)" : "### ❌"))
      #expect(
        result.output.split(separator: "\n").count { $0.hasPrefix("::error title=alora verify (server)%3A") } == failed)
    }
  }

  @Test(arguments: [FakeEngine.Fault.none, .late]) func theProtocolIsFoundOrGiven(_ fault: FakeEngine.Fault) throws {
    let server = try engine(.vLLM, fault)
    let validator = try SchemaValidator(path: testData("../schemas/verify-server.schema.json"))
    for more in [[], ["--engine", "openai"]] {
      let result = try runAlora(arguments(server, ["--json"] + more))
      #expect(result.status == (fault == .none ? 0 : 1), "\(result.errors)")
      let report = try parseJSON(result.output)
      #expect(try validator.violations(in: report) == [])
      #expect(try report["server"]["engine"].string() == "openai" && report["server"]["product"].string() == "vLLM")
      #expect(try report["server"]["adapter_id"].string() == "a0")
    }
    // It isn't an Ollama, nor has the base a tokenizer for one.
    let result = try runAlora(arguments(server, ["--engine", "ollama"]))
    #expect(result.status == 3 && result.errors.contains("no tokenizer"))
  }

  @Test func theOtherAdapterAndTheBaseAreNamed() throws {
    let server = try engine(.vLLM, adapterCount: 2)
    let other = "a1=\(try testData("inference/llama/adapter"))"
    let result = try runAlora(
      arguments(server, ["--server-base", "base", "--server-adapter", "a0", "--other-adapter", other]))
    #expect(result.status == 0, "\(result.errors)")
    // Without a name, the server has two that may be meant.
    let ambiguous = try runAlora(arguments(server))
    #expect(ambiguous.status == 3 && ambiguous.errors.contains("choose one with --server-adapter"))
    for words in [["--server-base", "x"], ["--other-adapter", "a7=\(try testData("inference/llama/adapter"))"]] {
      #expect(try runAlora(arguments(server, ["--server-adapter", "a0"] + words)).status == 3)
    }
    #expect(try runAlora(arguments(server, ["--other-adapter", "x"])).status == 2)
    #expect(try runAlora(arguments(server, ["--engine", "x"])).status == 2)
    #expect(try runAlora(["verify", "--model", "m", "--adapter", "a", "--engine", "openai"]).status == 2)
  }

  @Test func wrongCallsAndServersHaveTheirExitCodes() throws {
    let server = try engine(adapterCount: 2)
    #expect(try runAlora(arguments(server, ["--server-adapter", "9"])).status == 3)
    #expect(try runAlora(arguments(server, ["--server-timeout", "0"])).status == 2)
    #expect(try runAlora(["verify", "--model", "m", "--adapter", "a", "--server", "https://127.0.0.1"]).status == 2)
    #expect(try runAlora(["verify", "--model", "m", "--adapter", "a", "--server-adapter", "0"]).status == 2)
    let golden = try testData("inference/llama/golden.npz")
    #expect(try runAlora(arguments(server, ["--golden", golden])).status == 2)
    for option in [["--tolerance", "0.1"], ["--jobs", "1"]] {
      let result = try runAlora(arguments(server, option))
      #expect(result.status == 2 && result.errors.contains("\(option[0]) can't be used with --server"))
    }
    let broken = try FakeServer { _ in .init(json: "{") }
    #expect(try runAlora(arguments(broken)).status == 3)
    let gone = try FakeServer { _ in .init(text: "") }
    let result = try runAlora(arguments(gone))
    #expect(result.status == 4 && result.output.isEmpty && result.errors.contains("ended before the answer"))
    let slow = try FakeServer { _ in .init(pieces: [[]], pause: 1) }
    #expect(try runAlora(arguments(slow, ["--server-timeout", "0.2"])).status == 4)
    withExtendedLifetime((server, broken, gone, slow)) {}
  }
}
