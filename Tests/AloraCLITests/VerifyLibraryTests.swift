import AloraJSON
import AloraTestSupport
import Testing

/// `alora verify --library` on a checkpoint that granite-switch composed.
@Suite struct VerifyLibraryTests {
  private func arguments(_ more: [String] = []) throws -> [String] {
    ["verify", "--model", try testData("switch/composed"), "--library", try testData("switch")] + more
  }

  @Test func theReportConformsToItsSchema() throws {
    let result = try runAlora(arguments(["--json"]))
    #expect(result.status == 1, "\(result.errors)")
    let report = try parseJSON(result.output)
    let validator = try SchemaValidator(path: testData("../schemas/verify-library.schema.json"))
    #expect(try validator.violations(in: report) == [])
    let slots = try report["slots"].elements()
    #expect(try slots.map { try $0["outcome"].string() } == ["equal", "wrong-scaling", "wrong-scaling"])
    #expect(
      try slots.dropFirst().map { try $0["cause"].string() } == [
        "rank-stabilization-ignored", "alpha-pattern-ignored",
      ])
    let text = try runAlora(arguments())
    #expect(text.status == 1 && text.output.split(separator: "\n").count { $0.hasPrefix("✗") } == 2)
  }

  @Test func wrongCallsHaveTheirExitCodes() throws {
    let base = try testData("inference/llama/base")
    #expect(try runAlora(["verify", "--model", base, "--library", testData("switch")]).status == 3)
    #expect(try runAlora(arguments(["--adapter", "x"])).status == 2)
    #expect(try runAlora(arguments(["--report", "html=x"])).status == 2)
    #expect(try runAlora(arguments(["--merged", "x"])).status == 2)
  }
}
