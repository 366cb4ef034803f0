public import AloraVerification

/// What GitHub Actions shows: annotations, and the summary of a job.
public struct GitHubReport: Sendable {
  let report: VerificationReport

  public init(_ report: VerificationReport) { self.report = report }

  /// GitHub shows so many annotations of a kind for each step, and drops the others without a word.
  private static let annotationLimit = 10
  /// A summary is at most 1 MiB, and none is shown where there is more.
  private static let (failureLimit, rowLimit) = (100, 200)

  /// Workflow commands, an annotation for each failure. They belong on standard output.
  public var annotations: String {
    let failures = report.verdicts.flatMap { verdict in verdict.failures.map { (verdict.proof, $0) } }
    let shown = failures.count > Self.annotationLimit ? failures.prefix(Self.annotationLimit - 1) : failures[...]
    var lines = shown.map { proof, failure in
      "::error title=alora verify%3A \(proof.rawValue)::\(failure.description.escapedForWorkflow)\n"
    }
    if shown.count < failures.count {
      lines.append(
        "::error title=alora verify::\(failures.count - shown.count) more failures are in the summary of the job\n")
    }
    return lines.joined()
  }

  /// Markdown for the summary of a job.
  public var summary: String {
    let passed = report.failedCount == 0
    var text = "### \(passed ? "✅" : "❌") alora verify: \(report.adapter.escapedForMarkdown)\n\n"
    text += "Base: \(report.model.escapedForMarkdown)\n\n| | proof | figures |\n|---|---|---|\n"
    for verdict in report.verdicts {
      text +=
        "| \(verdict.passed ? "✅" : "❌") | \(verdict.proof.rawValue) | \(verdict.detail.escapedForMarkdown) |\n"
    }
    let failures = report.verdicts.flatMap { verdict in verdict.failures.map { (verdict.proof, $0) } }
    if !failures.isEmpty { text += "\n" }
    for (proof, failure) in failures.prefix(Self.failureLimit) {
      text += "- **\(proof.rawValue)**: \(failure.description.escapedForMarkdown)\n"
    }
    if failures.count > Self.failureLimit { text += "- \(failures.count - Self.failureLimit) more failures\n" }
    return text + table
  }

  private var table: String {
    guard report.cases.count > 1 else { return "" }
    var text = "\n<details><summary>\(report.cases.count) prompts</summary>\n\n"
    text += "| | prompt | tokens | on from | effect | golden \\|Δ\\| |\n|---|---|--:|--:|--:|--:|\n"
    for item in report.cases.prefix(Self.rowLimit) {
      let failed = !report.failures(ofCase: item.name).isEmpty
      let golden = item.worst.map { Figure($0.relative).description } ?? "–"
      text += "| \(failed ? "❌" : "✅") | \(item.name.escapedForMarkdown) | \(item.tokens.count) | "
      text +=
        "\(item.isActivated ? "\(item.activationStart ?? 0)" : "off") | \(Figure(item.greatestEffect)) | \(golden) |\n"
    }
    if report.cases.count > Self.rowLimit { text += "\n\(report.cases.count - Self.rowLimit) more\n" }
    return text + "\n</details>\n"
  }
}
