/// The result of one proof.
package struct Verdict: Hashable, Sendable {
  package enum Proof: String, CaseIterable, Sendable {
    case structure
    case beforeActivation = "before-activation"
    case cacheReuse = "cache-reuse"
    case afterActivation = "after-activation"
    case sensitivity
    /// Only if a baseline is given.
    case baseline
  }

  package enum Outcome: String, CaseIterable, Sendable {
    case passed, failed
    /// There is nothing to prove: an ordinary LoRA has no tokens before its activation.
    case notApplicable = "not-applicable"
    /// Nothing was compared; later runs are compared with what was found.
    case recorded
  }

  /// Something found wrong.
  package struct Failure: Hashable, Sendable {
    /// The index of the prompt that shows it; nil if it concerns no single one.
    package let caseIndex: Int?
    package let finding: Finding
    /// The likeliest cause; nil if causes were not searched for.
    package var cause: Cause?

    package init(_ finding: Finding, caseIndex: Int? = nil, cause: Cause? = nil) {
      self.finding = finding
      self.caseIndex = caseIndex
      self.cause = cause
    }
  }

  package let figures: ProofFigures
  package var failures: [Failure]

  package init(_ figures: ProofFigures, failures: [Failure] = []) {
    self.figures = figures
    self.failures = failures
  }

  package var proof: Proof { figures.proof }

  package var outcome: Outcome {
    failures.isEmpty ? figures.outcomeWithoutFailures : .failed
  }

  package var passed: Bool { outcome != .failed }

  /// The failures of one prompt. Pass nil for failures that belong to no single prompt.
  package func failures(ofCase index: Int?) -> [Failure] { failures.filter { $0.caseIndex == index } }
}

extension Verdict {
  /// Whether recurrent states were compared.
  package var hasStates: Bool {
    if case .beforeActivation(_, _, let count, _) = figures { count > 0 } else { false }
  }
}

/// The figures of a proof.
package enum ProofFigures: Hashable, Sendable {
  case structure(moduleCount: Int, invocation: [Int]?)
  case beforeActivation(positionCount: Int, cacheEntryCount: Int, stateCount: Int = 0, isActivated: Bool)
  case cacheReuse(continuationCount: Int, promptCount: Int)
  /// - `largestEffect`: how far the adapter moves the logits of a prompt's last token, relative to the largest.
  case afterActivation(largestEffect: Double, golden: GoldenFigures?)
  /// - `effects`: for each known mistake, how far it would move the rows that it was tried on; empty if there are none.
  case sensitivity(isActivated: Bool, effects: [MistakeEffect])
  case baseline(positionCount: Int, promptCount: Int, isRecorded: Bool)

  package var proof: Verdict.Proof {
    switch self {
    case .structure: .structure
    case .beforeActivation: .beforeActivation
    case .cacheReuse: .cacheReuse
    case .afterActivation: .afterActivation
    case .sensitivity: .sensitivity
    case .baseline: .baseline
    }
  }

  var outcomeWithoutFailures: Verdict.Outcome {
    switch self {
    case .beforeActivation(0, _, _, _): .notApplicable
    case .sensitivity(_, let effects): effects.isEmpty ? .notApplicable : .passed
    case .baseline(_, _, let isRecorded): isRecorded ? .recorded : .passed
    case .structure, .beforeActivation, .cacheReuse, .afterActivation: .passed
    }
  }
}

/// How computed rows compare with golden ones, over all prompts.
package struct GoldenFigures: Hashable, Sendable {
  package var rowCount = 0
  /// Rows of the adapter at or after its activation.
  package var activeRowCount = 0
  /// The largest difference, relative to the row's largest logit.
  package var largestDifference = 0.0
  /// Units: nats.
  package var largestDivergence = 0.0
  package var sameTopCount = 0
  package var exactness = Exactness.noDigests
}

/// How far a known mistake would move logits, relative to the row's largest.
package struct MistakeEffect: Hashable, Sendable {
  package let mistake: Mistake
  package let effect: Double
  /// Whether some prompt's tolerance is smaller than the effect.
  package let isShown: Bool
}
