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
}
