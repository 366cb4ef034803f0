import AloraTestSupport
import Testing

@testable import AloraReports
@testable import AloraVerification

/// Reports that CI systems read.
@Suite struct ListReportTests {
  private static let failing = Fixture.report(
    [Fixture.item("case 0"), Fixture.item("case 1")],
    failures: [
      .beforeActivation: [
        .init(caseName: "case 1", text: "]]> & \u{1} differ"), .init(caseName: "case 1", text: "second"),
      ],
      .sensitivity: [.init(caseName: nil, text: "dull")],
    ])

  @Test func junitHasATestCaseForEachProofAndPrompt() throws {
    let page = XMLPage(JUnitReport(CheckList(Self.failing)).text)
    #expect(page.error == nil)
    let names = page.all("testcase").map { "\($0.attributes["classname"] ?? "") \($0.attributes["name"] ?? "")" }
    #expect(names.count == 5 + 4 * 2 && Set(names).count == names.count)
    #expect(
      Array(names.prefix(3))
        == ["structure all prompts", "structure case 0", "structure case 1"].map { "alora.verify." + $0 })
    let failures = page.all("failure")
    #expect(failures.map { $0.attributes["type"] } == ["before-activation", "sensitivity"])
    #expect(failures.first?.attributes["message"] == "]]> & \u{FFFD} differ")
    #expect(failures.first?.text == "]]> & \u{FFFD} differ\nsecond")
    #expect(page.all("testsuite").first?.attributes["failures"] == "2")
    #expect(page.all("testsuite").first?.attributes["tests"] == "13")
  }

  @Test func githubShowsTenAnnotationsAndTheSummaryAllFailures() throws {
    let few = GitHubReport(CheckList(Self.failing)).annotations
    #expect(few.split(separator: "\n").count == 3)
    #expect(few.hasPrefix("::error title=alora verify%3A before-activation::case 1: ]]> & ⟨U+0001⟩ differ\n"))
    let many = Fixture.report(
      [Fixture.item("case 0")],
      failures: [.cacheReuse: (0..<12).map { .init(caseName: "case 0", text: "100 % wrong\n\($0)") }])
    let lines = GitHubReport(CheckList(many)).annotations.split(separator: "\n")
    #expect(lines.count == 10 && lines[0].hasSuffix("case 0: 100 %25 wrong%0A0"))
    #expect(lines[9] == "::error title=alora verify::3 more failures are in the summary of the job")
    #expect(
      GitHubReport(CheckList(many)).summary.split(separator: "\n").count { $0.hasPrefix("- **cache-reuse**") } == 12)
  }

  /// GitHub takes a mebibyte for a step's summary, and none of it where there is more.
  @Test func theSummaryHasALimit() throws {
    let cases = (0..<300).map { Fixture.item("case \($0) " + String(repeating: "|", count: 500)) }
    let report = Fixture.report(
      cases, failures: [.cacheReuse: cases.map { .init(caseName: $0.name, text: String(repeating: "|", count: 1500)) }])
    let summary = GitHubReport(CheckList(report)).summary
    // A bar is written in six characters.
    #expect((800_000..<1 << 20).contains(summary.utf8.count))
    #expect(summary.contains("more failures\n") && summary.contains(#/\n29\d more\n/#))
    #expect(summary.hasSuffix("</details>\n"))
  }
}
