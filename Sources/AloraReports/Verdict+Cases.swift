internal import AloraVerification

extension Verdict {
  /// What failed for one prompt; nil: for none in particular.
  func failures(ofCase name: String?) -> [String] {
    failures.filter { $0.caseName == name }.map { name == nil ? $0.description : $0.text }
  }
}

extension VerificationReport {
  /// What failed for one prompt, whatever the proof.
  func failures(ofCase name: String) -> [String] { verdicts.flatMap { $0.failures(ofCase: name) } }
}
