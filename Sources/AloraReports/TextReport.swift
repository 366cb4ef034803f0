internal import AloraSystem
internal import AloraVerification

/// The text that `alora verify` prints.
package struct TextReport {
  /// How a part of the text is shown; the caller turns it into colour, if there is any.
  package enum Style: Sendable { case passed, failed, undecided, neutral, cause, figures }

  package typealias Styler = (_ text: String, _ style: Style) -> String
  let style: Styler

  package init(style: @escaping Styler = { text, _ in text }) { self.style = style }

  package func text(_ report: VerificationReport) -> String {
    report.verdicts.map { verdict in
      var text = "\(mark(verdict.outcome)) \(padded(verdict.proof.rawValue, 18))\(verdict.detail)\n"
      for failure in report.texts(of: verdict.failures) {
        let name = failure.caseName.map { "\($0): " } ?? ""
        text += "  \((name + failure.finding).escapingControlCharacters())\n"
        if let cause = failure.cause {
          text += "    \(style("likely cause: \(cause.escapingControlCharacters())", .cause))\n"
        }
      }
      return text
    }.joined()
  }

  private func mark(_ outcome: Verdict.Outcome) -> String {
    switch outcome {
    case .passed: style("✓", .passed)
    case .failed: style("✗", .failed)
    case .notApplicable, .recorded: style("-", .neutral)
    }
  }

  func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(1, width - text.count))
  }
}
