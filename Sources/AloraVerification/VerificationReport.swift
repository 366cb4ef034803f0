/// What a verification has found, as CI systems read it.
public struct VerificationReport: Sendable {
  public let model: String
  public let adapter: String
  public let verdicts: [Verdict]
  public let cases: [CaseReport]

  public init(model: String, adapter: String, result: VerificationResult) {
    self.model = model
    self.adapter = adapter
    verdicts = result.verdicts
    cases = result.cases
  }

  public var failedCount: Int { verdicts.count { !$0.passed } }

  /// JUnit's XML, a test case for each proof.
  ///
  /// Elements and attributes are those of Jenkins' junit-10.xsd, which GitLab reads too. There are no times: the proofs
  /// share their forward passes.
  public var junit: String {
    let counts = #"tests="\#(verdicts.count)" failures="\#(failedCount)" errors="0""#
    var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    text += "<testsuites name=\"alora verify\" \(counts)>\n"
    text += "  <testsuite name=\"\(adapter.escapedForXML)\" \(counts) skipped=\"0\">\n"
    text += "    <properties>\n"
    for (name, value) in [("model", model), ("adapter", adapter)] {
      text += "      <property name=\"\(name)\" value=\"\(value.escapedForXML)\"/>\n"
    }
    text += "    </properties>\n"
    for verdict in verdicts {
      text += "    <testcase classname=\"alora.verify\" name=\"\(verdict.proof.rawValue)\">\n"
      // Jenkins shows the first message of a test case only, so there is one element with all of them.
      if let first = verdict.failures.first {
        text += "      <failure type=\"\(verdict.proof.rawValue)\" message=\"\(first.escapedForXML)\">"
        text += verdict.failures.joined(separator: "\n").escapedForXML + "</failure>\n"
      }
      text += "      <system-out>\(verdict.detail.escapedForXML)</system-out>\n    </testcase>\n"
    }
    return text + "  </testsuite>\n</testsuites>\n"
  }

  /// Workflow commands for GitHub Actions: an annotation for each failure. They belong on standard output.
  public var githubAnnotations: String {
    verdicts.map { verdict in
      verdict.failures.map { "::error title=alora verify%3A \(verdict.proof.rawValue)::\($0.escapedForWorkflow)\n" }
        .joined()
    }.joined()
  }

  /// Markdown for the summary of a job.
  public var githubSummary: String {
    var text = "### \(failedCount == 0 ? "✅" : "❌") alora verify: \(adapter.escapedForMarkdown)\n\n"
    text += "Base: \(model.escapedForMarkdown)\n\n| | proof | figures |\n|---|---|---|\n"
    for verdict in verdicts {
      text +=
        "| \(verdict.passed ? "✅" : "❌") | \(verdict.proof.rawValue) | \(verdict.detail.escapedForMarkdown) |\n"
    }
    let failures = verdicts.flatMap { verdict in verdict.failures.map { (verdict.proof, $0) } }
    if !failures.isEmpty { text += "\n" }
    for (proof, failure) in failures { text += "- **\(proof.rawValue)**: \(failure.escapedForMarkdown)\n" }
    return text
  }
}

extension String {
  /// The text with some scalars written otherwise; nil: the scalar stays.
  fileprivate func replacingScalars(_ replacement: (Unicode.Scalar) -> String?) -> String {
    unicodeScalars.reduce(into: "") { text, scalar in
      if let other = replacement(scalar) { text += other } else { text.unicodeScalars.append(scalar) }
    }
  }

  /// XML 1.0 has no way to write most control characters: they become U+FFFD.
  fileprivate var escapedForXML: String {
    replacingScalars { scalar in
      switch scalar {
      case "&": "&amp;"
      case "<": "&lt;"
      case ">": "&gt;"
      case "\"": "&quot;"
      case "\t", "\n", "\r": "&#\(scalar.value);"
      case "\u{0}"..."\u{1F}", "\u{FFFE}", "\u{FFFF}": "\u{FFFD}"
      default: nil
      }
    }
  }

  /// Source: GitHub's actions/toolkit, packages/core/src/command.ts.
  fileprivate var escapedForWorkflow: String {
    replacingScalars { scalar in
      switch scalar {
      case "%": "%25"
      case "\r": "%0D"
      case "\n": "%0A"
      default: nil
      }
    }
  }

  /// Text that Markdown takes as it is: no markup, no HTML, no end of the table's cell.
  fileprivate var escapedForMarkdown: String {
    replacingScalars { scalar in
      switch scalar {
      case "\\", "`", "*", "_", "[", "]", "|", "#", "~", "@": "&#\(scalar.value);"
      case "&": "&amp;"
      case "<": "&lt;"
      case ">": "&gt;"
      case "\r", "\n": " "
      default: nil
      }
    }
  }
}
