internal import AloraSystem
internal import AloraVerification

/// The text that `alora verify` prints.
package struct TextReport {
  let style: TextStyle

  package init(style: TextStyle = TextStyle(hasColor: false)) { self.style = style }

  package func text(_ report: VerificationReport) -> String {
    report.verdicts.map { verdict in
      var text = "\(mark(verdict.outcome)) \(padded(verdict.proof.rawValue, 18))\(verdict.detail)\n"
      for failure in report.texts(of: verdict.failures) {
        let name = failure.caseName.map { "\($0): " } ?? ""
        text += "  \((name + failure.finding).escapingControlCharacters())\n"
        if let cause = failure.cause {
          text += "    \(style.styled("likely cause: \(cause.escapingControlCharacters())", .bold))\n"
        }
      }
      return text
    }.joined()
  }

  private func mark(_ outcome: Verdict.Outcome) -> String {
    switch outcome {
    case .passed: style.mark(true)
    case .failed: style.mark(false)
    case .notApplicable, .recorded: style.mark(nil)
    }
  }

  func padded(_ text: String, _ width: Int) -> String {
    text + String(repeating: " ", count: max(1, width - text.count))
  }
}
