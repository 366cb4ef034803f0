internal import AloraVerification

extension Verdict {
  /// What failed for one prompt; nil: for none in particular.
  func failures(ofCase name: String?) -> [Failure] { failures.filter { $0.caseName == name } }
}

extension VerificationReport {
  /// What failed for one prompt, whatever the proof.
  func failures(ofCase name: String) -> [Verdict.Failure] { verdicts.flatMap { $0.failures(ofCase: name) } }
}

extension Verdict.Failure {
  /// Without the prompt's name, where that is known from the place.
  var textAndCause: String { text + (cause.map { "; \($0)" } ?? "") }
}
