internal import AloraVerification

/// A failure in words.
struct FailureText {
  /// The prompt's name; nil if it concerns no single prompt.
  let caseName: String?
  let finding: String
  let cause: String?

  init(_ failure: Verdict.Failure, in report: VerificationReport) {
    let item = failure.caseIndex.flatMap { report.cases.indices.contains($0) ? report.cases[$0] : nil }
    caseName = item?.name
    finding = failure.finding.text(item, report.piece)
    cause = failure.cause?.text(item)
  }

  /// Without the prompt's name, for places that show it already.
  var findingAndCause: String { finding + (cause.map { "; likely cause: \($0)" } ?? "") }

  /// Everything in one line.
  var line: String { (caseName.map { "\($0): " } ?? "") + findingAndCause }
}

extension VerificationReport {
  func texts(of failures: [Verdict.Failure]) -> [FailureText] { failures.map { FailureText($0, in: self) } }
}
