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
        .init(.logitsDifferBefore(position: 2, activationStart: 4), caseIndex: 1),
        .init(.cacheDiffersBefore(position: 3, layer: 1, head: 0), caseIndex: 1),
      ],
      .sensitivity: [.init(.mistakeNotShown(.scalingLeftOut))],
    ])

  /// What was compared with nothing doesn't look as if it had passed.
  @Test(arguments: [true, false]) func aRecordIsToldFromAComparison(_ isRecord: Bool) throws {
    let report = Fixture.report([Fixture.item("case 0")], baselineIsRecorded: isRecord)
    let list = CheckList(report)
    let junit = XMLPage(JUnitReport(list).text)
    #expect(junit.error == nil && junit.all("failure").isEmpty && junit.all("skipped").count == (isRecord ? 1 : 0))
    #expect(junit.all("testsuite").first?.attributes["skipped"] == (isRecord ? "1" : "0"))
    let page = XMLPage(Fixture.page(report))
    #expect(page.error == nil && page.all("h1").first?.text == "✓ All \(isRecord ? "five" : "six") proofs passed")
    #expect(page.all("span", class: "soft").contains { $0.text == "recorded" } == isRecord)
    let github = GitHubReport(list)
    let warnings = github.annotations.split(separator: "\n").filter {
      $0.hasPrefix("::warning title=alora verify%3A baseline::")
    }
    #expect(warnings.count == (isRecord ? 1 : 0))
    #expect(github.summary.contains("| ➖ | baseline |") == isRecord)
  }

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
    let (one, other) = (
      "the logits at position 2 differ from the base's, although the activation starts at 4",
      "the cached key or value of position 3, layer 1, head 0 differs from the base's"
    )
    #expect(failures.first?.attributes["message"] == one)
    #expect(failures.first?.text == one + "\n" + other)
    #expect(page.all("testsuite").first?.attributes["failures"] == "2")
    #expect(page.all("testsuite").first?.attributes["tests"] == "13")
  }

  @Test func githubShowsTenAnnotationsAndTheSummaryAllFailures() throws {
    let few = GitHubReport(CheckList(Self.failing)).annotations
    #expect(few.split(separator: "\n").count == 3)
    #expect(few.hasPrefix("::error title=alora verify%3A before-activation::case 1: the logits at position 2 differ"))
    let many = Fixture.report(
      [Fixture.item("100 % \u{1}\n")],
      failures: [.cacheReuse: (0..<12).map { .init(.reuseDiffers(.adapterTwice, position: $0), caseIndex: 0) }])
    let lines = GitHubReport(CheckList(many)).annotations.split(separator: "\n")
    #expect(lines.count == 10 && lines[0].contains("::100 %25 ⟨U+0001⟩%0A: adapter twice: the logits at position 0"))
    #expect(lines[9] == "::error title=alora verify::3 more failures are in the job summary")
    #expect(
      GitHubReport(CheckList(many)).summary.split(separator: "\n").count { $0.hasPrefix("- **cache-reuse**") } == 12)
  }

  /// GitHub takes a mebibyte for a step's summary, and none of it where there is more.
  @Test func theSummaryHasALimit() throws {
    let cases = (0..<300).map { Fixture.item("case \($0) " + String(repeating: "|", count: 1400)) }
    let report = Fixture.report(
      cases, failures: [.cacheReuse: cases.indices.map { .init(.foreignCacheAccepted, caseIndex: $0) }])
    let summary = GitHubReport(CheckList(report)).summary
    // A bar is written in six characters.
    #expect((800_000..<1 << 20).contains(summary.utf8.count))
    #expect(summary.contains("more failures\n") && summary.contains(#/\n29\d more\n/#))
    #expect(summary.hasSuffix("</details>\n"))
  }
}
