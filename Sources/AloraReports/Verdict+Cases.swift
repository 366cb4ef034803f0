internal import AloraVerification

extension Verdict {
  /// What failed for one prompt; nil: for none in particular.
  func failures(ofCase name: String?) -> [String] {
    failures.filter { failure in
      name.map { failure.hasPrefix("\($0):") || failure.hasPrefix("\($0),") } ?? false
    }
  }
}

extension VerificationReport {
  /// What failed for one prompt, whatever the proof.
  func failures(ofCase name: String) -> [String] { verdicts.flatMap { $0.failures(ofCase: name) } }
}
