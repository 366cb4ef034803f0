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
    let outcomes = try report["slots"].elements().map { try $0["outcome"].string() }
    #expect(outcomes == ["equal", "wrong-scaling", "wrong-scaling"])
  }

  @Test func theTextNamesTheScalingAndItsCause() throws {
    let text = try runAlora(arguments()).output
    #expect(text.contains("✓ slot 1 (plain)") && text.contains("plain, rank 2, scaling 3; token 29, read as 7"))
    #expect(text.contains("the scaling is 2, and PEFT's is 4") && text.contains("without use_rslora"))
    #expect(
      text.contains("the scaling is 2, and PEFT's is 3, in layer 0 query") && text.contains("without alpha_pattern"))
  }

  @Test func wrongCallsHaveTheirExitCodes() throws {
    let base = try testData("inference/llama/base")
    #expect(try runAlora(["verify", "--model", base, "--library", testData("switch")]).status == 3)
    #expect(try runAlora(arguments(["--adapter", "x"])).status == 2)
    #expect(try runAlora(arguments(["--report", "html=x"])).status == 2)
    #expect(try runAlora(arguments(["--merged", "x"])).status == 2)
  }
}
