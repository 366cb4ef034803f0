package import AloraEngineCheck
internal import AloraSystem

extension TextReport {
  package func text(_ report: ServerCheck.Report) -> String {
    let head = [
      "\(report.serverText) at \(report.address), adapter "
        + "\(report.adapter.identifier): \(report.adapter.path)",
      "\(counted(report.requestCount, "request")); noise \(Figure(report.noise)) nats (the server's base against the "
        + "reference)",
    ]
    return head.map { $0.escapingControlCharacters() + "\n" }.joined() + report.verdicts.map(text).joined()
      + report.notes.map { "note: \($0)\n" }.joined()
  }

  private func text(_ verdict: ServerVerdict) -> String {
    var text = "\(mark(verdict.outcome)) \(padded(verdict.kind.title, 28))\(verdict.detail)\n"
    guard let best = verdict.fit?.best else { return text }
    var figures = "residual \(Figure(best.residual))"
    if let second = verdict.fit?.second { figures += "; next \(Figure(second.residual)) (\(second.hypothesis.text))" }
    if verdict.outcome == .failed, best.hypothesis != verdict.expected, let expected = verdict.expectedResidual {
      figures += "; expected \(Figure(expected)) (\(verdict.expected.text))"
    }
    text += "  \(padded("", 28))\(style.styled(figures, .dim))\n"
    return text
  }

  private func mark(_ outcome: ServerVerdict.Outcome) -> String {
    switch outcome {
    case .passed: style.mark(true)
    case .failed: style.mark(false)
    case .undecided: style.styled("?", .yellow)
    case .skipped: style.mark(nil)
    }
  }
}
