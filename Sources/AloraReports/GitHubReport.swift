internal import AloraSystem

/// Annotations and the job summary for GitHub Actions.
package struct GitHubReport: Sendable {
  let list: CheckList

  package init(_ list: CheckList) { self.list = list }

  /// GitHub shows this many annotations of a kind for each step, and silently drops the others.
  private static let annotationLimit = 10
  /// GitHub shows no summary above 1 MiB. Units: bytes.
  private static let summaryLimit = 900_000
  private static let (failureLimit, rowLimit) = (100, 200)

  private var failures: [(check: String, text: String)] {
    list.checks.flatMap { check in check.failures.map { (check.name, $0) } }
  }

  /// Workflow commands for standard output: an annotation for each failure and warning.
  package var annotations: String {
    let failures = failures
    let shown = failures.count > Self.annotationLimit ? failures.prefix(Self.annotationLimit - 1) : failures[...]
    var lines = shown.map { "::error title=\(title($0.check))::\($0.text.escapedForWorkflow)\n" }
    if shown.count < failures.count {
      let rest = failures.count - shown.count
      lines.append("::error title=\(list.title)::\(rest) more failures are in the job summary\n")
    }
    for check in list.checks {
      if let warning = check.warning {
        lines.append("::warning title=\(title(check.name))::\(warning.escapedForWorkflow)\n")
      }
    }
    return lines.joined()
  }

  /// Source: as ``Swift/String/escapedForWorkflow``; a property ends at a colon or comma.
  private func title(_ check: String) -> String {
    "\(list.title): \(check)".escapedForWorkflow.replacingScalars { $0 == ":" ? "%3A" : $0 == "," ? "%2C" : nil }
  }

  /// Markdown for the summary of a job.
  package var summary: String {
    var text = "### \(list.passed ? "✅" : "❌") \(list.title): \(list.subject.escapedForMarkdown)\n\n"
    for (name, value) in list.properties { text += "\(name): \(value.escapedForMarkdown)  \n" }
    text += "\n| | check | figures |\n|---|---|---|\n"
    for check in list.checks {
      text += "| \(Self.mark(check.outcome)) | \(check.name) | \(check.detail.escapedForMarkdown) |\n"
    }
    let failures = failures
    if !failures.isEmpty { text += "\n" }
    let left = Self.append(
      failures.lazy.map { "- **\($0.check)**: \($0.text.escapedForMarkdown)\n" }, to: &text, Self.failureLimit)
    if left > 0 { text += "- \(left) more failures\n" }
    addTable(to: &text)
    return text
  }

  /// Adds lines up to the limits.
  ///
  /// - Returns: the number of lines left out.
  private static func append(_ lines: some Collection<String>, to text: inout String, _ limit: Int) -> Int {
    var count = 0
    for line in lines.prefix(limit) {
      guard text.utf8.count + line.utf8.count < summaryLimit else { break }
      text += line
      count += 1
    }
    return lines.count - count
  }

  private static func mark(_ outcome: CheckList.Outcome) -> String {
    switch outcome {
    case .passed: "✅"
    case .failed: "❌"
    case .skipped: "➖"
    }
  }

  private func addTable(to text: inout String) {
    guard list.prompts.count > 1 else { return }
    text += "\n<details><summary>\(counted(list.prompts.count, "prompt"))</summary>\n\n"
    text += "| | prompt | tokens | active from | effect | largest difference |\n|---|---|--:|--:|--:|--:|\n"
    let rows = list.prompts.lazy.map { prompt in
      let cells = ([prompt.name] + prompt.cells).map(\.escapedForMarkdown)
      return "| \(Self.mark(prompt.passed ? .passed : .failed)) | \(cells.joined(separator: " | ")) |\n"
    }
    let left = Self.append(rows, to: &text, Self.rowLimit)
    if left > 0 { text += "\n\(left) more\n" }
    text += "\n</details>\n"
  }
}
