public import AloraEngineCheck
public import AloraVerification

/// What was checked, as CI systems count it: a run's checks, and the tests that each of them is made of.
public struct CheckList: Sendable {
  enum Outcome: Sendable { case passed, failed, skipped }

  /// One line of a summary.
  struct Check: Sendable {
    let name: String
    let outcome: Outcome
    /// The figures, for people.
    let detail: String
    let failures: [String]
    /// What did not fail, and is not to be overlooked.
    var warning: String?
  }

  /// What a test report has a line for. `group` and `name` together occur once.
  struct Test: Sendable {
    let group: String
    let name: String
    let outcome: Outcome
    let messages: [String]
    let output: String?
  }

  /// What one prompt has in a summary; empty where there are no prompts.
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
  public init(_ report: VerificationReport) {
    title = "alora verify"
    subject = report.adapter
    properties = [("base", report.model)]
    checks = report.verdicts.map {
      Check(
        name: $0.proof.rawValue, outcome: $0.isRecord ? .skipped : $0.passed ? .passed : .failed, detail: $0.detail,
        failures: $0.failures.map(\.description), warning: $0.isRecord ? $0.detail : nil)
    }
    tests = report.verdicts.flatMap { verdict -> [Test] in
      func test(_ name: String, _ failures: [Verdict.Failure], output: String?) -> Test {
        Test(
          group: verdict.proof.rawValue, name: name, outcome: failures.isEmpty ? .passed : .failed,
          messages: failures.map(\.textAndCause),
          output: output)
      }
      guard !verdict.isRecord else {
        return [
          Test(
            group: verdict.proof.rawValue, name: "all prompts", outcome: .skipped, messages: [verdict.detail],
            output: nil)
        ]
      }
      // First what no single prompt is to blame for.
      let all = test("all prompts", verdict.failures(ofCase: nil), output: verdict.detail)
      guard verdict.proof.isPerCase else { return [all] }
      return [all] + report.cases.map { test($0.name, verdict.failures(ofCase: $0.name), output: nil) }
    }
    prompts = report.cases.map { item in
      Prompt(
        name: item.name, passed: report.failures(ofCase: item.name).isEmpty,
        cells: [
          "\(item.tokens.count)", item.isActivated ? "\(item.activationStart ?? 0)" : "off",
          Figure(item.greatestEffect).description, item.worst.map { Figure($0.relative).description } ?? "–",
        ])
    }
  }

  /// The checks of a server. One that cannot be decided has not passed.
  public init(_ report: ServerCheck.Report, model: String, adapter: String) {
    title = "alora verify (server)"
    subject = adapter
    properties = [
      ("base", model), ("server", report.address.description), ("build", report.properties.build ?? "unknown"),
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
        warning: verdict.kind == .defaultScale ? report.notes.first : nil)
    }
    tests = zip(report.verdicts, checks).map { verdict, check in
      Test(
        group: "server", name: verdict.kind.rawValue, outcome: check.outcome,
        messages: check.outcome == .skipped ? [verdict.detail] : check.failures, output: verdict.kind.title)
    }
  }
}

extension Verdict.Proof {
  /// Whether it is proved prompt by prompt. Sensitivity is a matter of all prompts together.
  fileprivate var isPerCase: Bool { self != .sensitivity }
}
