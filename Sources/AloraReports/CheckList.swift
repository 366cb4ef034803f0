internal import AloraEngineCheck
internal import AloraSystem
internal import AloraVerification

/// The checks of a run as CI systems count them, and the tests that each is made of.
package struct CheckList: Sendable {
  enum Outcome: Sendable { case passed, failed, skipped }

  /// One line of a summary.
  struct Check: Sendable {
    let name: String
    let outcome: Outcome
    /// The figures, for people.
    let detail: String
    let failures: [String]
    /// Not a failure, but not to be overlooked.
    var warning: String?
  }

  /// One line of a test report. `group` and `name` together are unique.
  struct Test: Sendable {
    let group: String
    let name: String
    let outcome: Outcome
    let messages: [String]
    let output: String?
  }

  /// One prompt's line in a summary.
  struct Prompt: Sendable {
    let name: String
    let passed: Bool
    let cells: [String]
  }

  let title: String
  let subject: String
  let properties: [(name: String, value: String)]
  let checks: [Check]
  let tests: [Test]
  var prompts: [Prompt] = []

  var passed: Bool { checks.allSatisfy { $0.outcome != .failed } }
}

extension CheckList {
  /// The proofs of a verification, and each of them prompt by prompt.
  init(_ report: VerificationReport) {
    title = "alora verify"
    subject = report.adapter
    properties = [("base", report.model)]
    checks = report.verdicts.map {
      Check(
        name: $0.proof.rawValue, outcome: Outcome($0.outcome), detail: $0.detail,
        failures: report.texts(of: $0.failures).map(\.line), warning: $0.outcome == .recorded ? $0.detail : nil)
    }
    tests = report.verdicts.flatMap { verdict -> [Test] in
      func test(_ name: String, _ failures: [Verdict.Failure], output: String?) -> Test {
        Test(
          group: verdict.proof.rawValue, name: name, outcome: failures.isEmpty ? .passed : .failed,
          messages: report.texts(of: failures).map(\.findingAndCause), output: output)
      }
      guard verdict.outcome == .passed || verdict.outcome == .failed else {
        return [
          Test(
            group: verdict.proof.rawValue, name: "all prompts", outcome: .skipped, messages: [verdict.detail],
            output: nil)
        ]
      }
      // First the failures that concern no single prompt.
      let all = test("all prompts", verdict.failures(ofCase: nil), output: verdict.detail)
      guard verdict.proof.isPerCase else { return [all] }
      return [all]
        + report.cases.enumerated().map { index, item in
          test(item.name, verdict.failures(ofCase: index), output: nil)
        }
    }
    prompts = report.cases.enumerated().map { index, item in
      Prompt(
        name: item.name, passed: report.result.failures(ofCase: index).isEmpty,
        cells: [
          "\(item.tokens.count)", item.isActivated ? "\(item.activationStart ?? 0)" : "off",
          Figure(item.largestEffect).description, item.worst.map { Figure($0.relative).description } ?? "–",
        ])
    }
  }

  /// The checks of a server. One that can't be decided counts as failed.
  init(_ report: ServerCheck.Report, model: String, adapter: String) {
    title = "alora verify (server)"
    subject = adapter
    properties = [
      ("base", model), ("server", report.address.description), ("engine", report.serverText),
      ("noise", "\(Figure(report.noise)) nats"),
    ]
    checks = report.verdicts.map { verdict in
      let outcome: Outcome =
        switch verdict.outcome {
        case .passed: .passed
        case .failed, .undecided: .failed
        case .skipped: .skipped
        }
      return Check(
        name: verdict.kind.title, outcome: outcome, detail: verdict.detail,
        failures: outcome == .failed ? ["\(verdict.outcome == .undecided ? "undecided: " : "")\(verdict.detail)"] : [],
        warning: verdict.kind == .defaultScale ? report.defaultScaleNote : nil)
    }
    tests = zip(report.verdicts, checks).map { verdict, check in
      Test(
        group: "server", name: verdict.kind.rawValue, outcome: check.outcome,
        messages: check.outcome == .skipped ? [verdict.detail] : check.failures, output: verdict.kind.title)
    }
  }
}

extension CheckList.Outcome {
  fileprivate init(_ outcome: Verdict.Outcome) {
    self =
      switch outcome {
      case .passed: .passed
      case .failed: .failed
      case .notApplicable, .recorded: .skipped
      }
  }
}

extension Verdict.Proof {
  /// Whether each prompt proves it. Sensitivity is proved by all prompts together.
  fileprivate var isPerCase: Bool { self != .sensitivity }
}

extension CheckList {
  /// Checks that are one test each.
  init(
    title: String, subject: String, properties: [(name: String, value: String)], group: String, checks: [Check]
  ) {
    self.init(
      title: title, subject: subject, properties: properties, checks: checks,
      tests: checks.map { check in
        Test(
          group: group, name: check.name, outcome: check.outcome,
          messages: check.outcome == .skipped ? [check.detail] : check.failures, output: check.detail)
      })
  }

  /// A line for each check, and one for each of its failures.
  func text(style: TextStyle, nameWidth: Int) -> String {
    checks.map { check in
      let mark = style.mark(check.outcome == .skipped ? nil : check.outcome == .passed)
      let name = check.name.escapingControlCharacters().padded(to: nameWidth) + " "
      let lines = check.failures.map { "  \($0.escapingControlCharacters())\n" }.joined()
      return "\(mark) \(name)\(check.detail.escapingControlCharacters())\n" + lines
    }.joined()
  }
}
