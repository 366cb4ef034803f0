public import AloraVerification

/// JUnit's XML: a test case for each proof over all prompts, and one for each prompt that it failed or passed on.
///
/// Schema: schemas/verify-junit.xsd, a part of Jenkins' junit-10.xsd, which GitLab reads too. There are no times: the proofs share
/// their forward passes.
public struct JUnitReport: Sendable {
  let report: VerificationReport

  public init(_ report: VerificationReport) { self.report = report }

  private struct TestCase {
    let proof: Verdict.Proof
    let name: String
    let failures: [String]
    let output: String?
  }

  private var testCases: [TestCase] {
    report.verdicts.flatMap { verdict -> [TestCase] in
      // What no single prompt is to blame for.
      let all = TestCase(
        proof: verdict.proof, name: "all prompts",
        failures: verdict.failures(ofCase: nil), output: verdict.detail)
      guard verdict.proof.isPerCase else { return [all] }
      return [all]
        + report.cases.map { item in
          TestCase(
            proof: verdict.proof, name: item.name, failures: verdict.failures(ofCase: item.name), output: nil)
        }
    }
  }

  /// The file's text.
  public var text: String {
    let cases = testCases
    let counts = "tests=\"\(cases.count)\" failures=\"\(cases.count { !$0.failures.isEmpty })\" errors=\"0\""
    var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
    text += "<testsuites name=\"alora verify\" \(counts)>\n"
    text += "  <testsuite name=\"\(report.adapter.escapedForXML)\" \(counts) skipped=\"0\">\n"
    text += "    <properties>\n"
    for (name, value) in [("model", report.model), ("adapter", report.adapter)] {
      text += "      <property name=\"\(name)\" value=\"\(value.escapedForXML)\"/>\n"
    }
    text += "    </properties>\n"
    for item in cases { text += element(item) }
    return text + "  </testsuite>\n</testsuites>\n"
  }

  private func element(_ item: TestCase) -> String {
    // GitLab shows the class as the suite; Jenkins takes what is before its last dot for the package.
    var text = "    <testcase classname=\"alora.verify.\(item.proof.rawValue)\" name=\"\(item.name.escapedForXML)\""
    guard item.output != nil || !item.failures.isEmpty else { return text + "/>\n" }
    text += ">\n"
    // Jenkins shows the first message of a test case only, so there is one element with all of them.
    if let first = item.failures.first {
      text += "      <failure type=\"\(item.proof.rawValue)\" message=\"\(first.escapedForXML)\">"
      text += item.failures.joined(separator: "\n").escapedForXML + "</failure>\n"
    }
    if let output = item.output { text += "      <system-out>\(output.escapedForXML)</system-out>\n" }
    return text + "    </testcase>\n"
  }
}

extension Verdict.Proof {
  /// Whether it is proved prompt by prompt. Sensitivity is a matter of all prompts together.
  fileprivate var isPerCase: Bool { self != .sensitivity }
}
