import AloraJSON
import AloraTestSupport
import Foundation
import Testing

/// What `alora verify --report` writes, of runs that pass and of ones that fail.
@Suite struct VerifyReportTests {
  /// A directory that holds an adapter whose name would break out of each format, and the arguments that verify it.
  private func withOddAdapter(_ body: (_ directory: String, _ adapter: String, _ arguments: [String]) throws -> Void)
    throws
  {
    try withTemporaryDirectory { directory in
      let odd = directory + "/a&b<c>\"|`%"
      try FileManager.default.copyItem(atPath: testData("inference/llama/adapter"), toPath: odd)
      let arguments = [
        "verify", "--model", try testData("inference/llama/base"), "--adapter", odd, "--golden",
        try testData("inference/llama/golden.npz"),
      ]
      try body(directory, odd, arguments)
    }
  }

  private func text(_ path: String) throws -> String { String(decoding: try readFile(path), as: UTF8.self) }

  // No two engines agree to 1e-12.
  @Test(arguments: [("1e-4", 0), ("1e-12", 1)] as [(String, Int32)])
  func everyReportSaysTheSame(_ tolerance: String, _ status: Int32) throws {
    try withOddAdapter { directory, odd, arguments in
      let files = ["json", "junit", "html", "github"].map { "\($0)=\(directory)/r.\($0)" }
      let result = try runAlora(arguments + ["--tolerance", tolerance] + files.flatMap { ["--report", $0] })
      #expect(result.status == status, "\(result.errors)")
      let report = try parseJSON(text(directory + "/r.json"))
      #expect(try SchemaValidator(path: testData("../schemas/verify.schema.json")).violations(in: report) == [])
      let (proofs, cases) = (try report["proofs"].elements(), try report["cases"].elements())
      let failed = try proofs.filter { try !$0["passed"].boolean() }
      #expect(failed.isEmpty == (status == 0))
      let failureCount = try proofs.reduce(0) { try $0 + $1["failures"].elements().count }

      let junit = XMLPage(try text(directory + "/r.junit"))
      #expect(junit.error == nil)
      let tests = junit.all("testcase")
      #expect(tests.count == 5 + 4 * cases.count)
      #expect(
        Set(tests.map { ($0.attributes["classname"] ?? "") + ":" + ($0.attributes["name"] ?? "") }).count == tests.count
      )
      let red = junit.all("failure")
      #expect(junit.all("testsuites").first?.attributes["failures"] == "\(red.count)" && red.isEmpty == (status == 0))
      #expect(junit.all("property").contains { $0.attributes["name"] == "adapter" && $0.attributes["value"] == odd })

      let annotations = result.output.split(separator: "\n").filter { $0.hasPrefix("::error title=alora verify") }
      #expect(annotations.count == min(10, failureCount))
      let markdown = try text(directory + "/r.github")
      #expect(markdown.hasPrefix(status == 0 ? "### ✅" : "### ❌") && !markdown.contains("b<c"))

      let page = XMLPage(try text(directory + "/r.html"))
      #expect(page.error == nil)
      #expect(page.all("li", class: "failed").count == failed.count)
      #expect(page.all("details", class: "case").count == cases.count)
      #expect(page.all("p", class: "eyebrow").first?.text == "alora verify · a&b<c>\"|`%")
      #expect(page.all("pre").first?.text.contains("--adapter '\(odd)'") == true)
    }
  }

  @Test func reportsAreTheSameWhateverTheJobsAndThreads() throws {
    try withOddAdapter { directory, _, arguments in
      let kinds = ["json", "junit", "html", "github"]
      var first: [String]?
      for options in [["--threads", "1"], ["--jobs", "2"], ["--jobs", "5", "--threads", "3"]] {
        let result = try runAlora(
          arguments + ["--tolerance", "1e-6"] + options + kinds.flatMap { ["--report", "\($0)=\(directory)/\($0)"] })
        #expect(result.status == 1)
        let texts = try kinds.map { try text("\(directory)/\($0)") } + [result.output]
        #expect(first == nil || texts == first)
        first = texts
      }
      #expect(try runAlora(arguments + ["--jobs", "0"]).status == 2)
    }
  }

  /// A damaged member of the archive is the failure of its prompt.
  @Test func damageToOneCaseHidesNoOther() throws {
    try withOddAdapter { directory, _, arguments in
      var bytes = try readFile(arguments[6])
      let name = Array("adapted_logits_3.npy".utf8)
      // The first is in front of the member's data, the second in the directory at the end.
      let start = try #require(bytes.indices.first { bytes[$0...].starts(with: name) })
      for index in (start + name.count + 200)..<(start + name.count + 210) { bytes[index] ^= 0x55 }
      let damaged = directory + "/damaged.npz"
      try writeFile(bytes, to: damaged)
      let result = try runAlora(Array(arguments[..<6]) + [damaged, "--json"])
      #expect(result.status == 1, "\(result.errors)")
      let report = try parseJSON(result.output)
      let findings = try report["proofs"].elements().flatMap { try $0["findings"].elements() }
      #expect(
        try findings.count == 1 && findings[0]["case"].integer() == 3
          && findings[0]["finding"]["kind"].string() == "golden-rows-unreadable", "\(findings)")
      #expect(try report["cases"].elements().count == 10)
    }
  }

  @Test func theSummaryOfAStepIsAddedTo() throws {
    try withOddAdapter { directory, _, arguments in
      let step = directory + "/step.md"
      try Data("earlier\n".utf8).write(to: URL(fileURLWithPath: step))
      let call = arguments + ["--report", "github"]
      #expect(try runAlora(call, environment: ["GITHUB_STEP_SUMMARY": step]).status == 0)
      #expect(try text(step).hasPrefix("earlier\n### ✅ alora verify"))
      for bad in ["html", "html=", "junit", "junit=", "=x", "json=-"] {
        #expect(try runAlora(arguments + ["--report", bad]).status == 2, "\(bad)")
      }
    }
  }

  /// A run is long: what can be seen at its beginning is said then, and nothing that it reads is written over.
  @Test func placesOfReportsAreLookedAtBeforeTheRun() throws {
    try withOddAdapter { directory, odd, arguments in
      for path in ["\(directory)/no/such/place.html", directory, "/dev/null"] {
        let result = try runAlora(arguments + ["--report", "html=\(path)"])
        #expect(result.status == 4 && result.output.isEmpty && result.errors.contains(path), "\(result)")
      }
      let golden = directory + "/golden.npz"
      try FileManager.default.copyItem(atPath: testData("inference/llama/golden.npz"), toPath: golden)
      let bytes = try readFile(golden)
      try FileManager.default.createSymbolicLink(atPath: directory + "/link", withDestinationPath: "golden.npz")
      let call = ["verify", "--model", try testData("inference/llama/base"), "--adapter", odd, "--golden", golden]
      for outputs in [
        ["--report", "html=\(golden)"], ["--report", "json=\(directory)/./link"], ["--report", "junit=\(odd)"],
        ["--report", "json=\(directory)/r", "--report", "html=\(odd)/../r"], ["--baseline", golden, "--accept"],
        ["--baseline", directory + "/b", "--report", "github=\(directory)/b"],
      ] {
        let result = try runAlora(call + outputs)
        #expect(result.status == 2 && result.errors.contains("would be overwritten"), "\(outputs): \(result)")
      }
      #expect(try readFile(golden) == bytes && FileManager.default.contentsOfDirectory(atPath: directory).count == 3)
    }
  }
}
