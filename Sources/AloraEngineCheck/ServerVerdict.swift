/// The result of one check of a server.
package struct ServerVerdict: Hashable, Sendable {
  package enum Outcome: String, Sendable {
    case passed, failed
    /// The expected hypothesis fits, and so does another one.
    case undecided
    case skipped
  }

  package enum Conclusion: Hashable, Sendable {
    /// Only the expected hypothesis fits.
    case expected
    /// Another hypothesis fits, but the expected one doesn't: see ``ServerVerdict/compatible``.
    case other
    /// The expected hypothesis fits, and so does another one.
    case ambiguous
    /// Nothing that was tried fits.
    case unexplained(nearest: EngineHypothesis)
    /// The base's answers are those of another hypothesis, or of another base.
    case otherBase(applied: EngineHypothesis?)
    /// A fit of the scaling.
    case scaling(ScalingFit)
    /// The server refuses prompts without the invocation, instead of answering as the base.
    case refused
    /// The server's own answers to the same prompts differ if nothing comes before them. Units: nats.
    case differsFromFresh(Double)
    case skipped(ServerCheckPlan.SkipReason)
  }

  /// The fitted factor of the scaling.
  package struct ScalingFit: Hashable, Sendable {
    package let value: Double
    /// The nearest factors that don't fit.
    package let lower: Double
    package let upper: Double
    /// How many of the tried factors fit.
    package let fittingCount: Int
    package let triedCount: Int
  }

  /// More about a check that didn't pass.
  package enum Note: Hashable, Sendable {
    /// The invocation isn't found if its own last token follows it.
    case invocationMissedBeforeItsLastToken
    /// The check without a cache has the same fault.
    case sameWithoutCache
    case otherAdapterMayBeKept
    case reusedTokens([Reuse])
    /// The server says that no token of these prompts came from its cache, so that it had nothing to get wrong. Not a fault.
    case nothingReused

    package struct Reuse: Hashable, Sendable {
      package let cachedCount: Int
      package let tokenCount: Int
    }
  }

  package let kind: ServerCheckPlan.Kind
  package private(set) var outcome: Outcome
  package private(set) var conclusion: Conclusion
  package let expected: EngineHypothesis
  /// Nil for a skipped check.
  package let fit: EngineFit?
  /// The hypotheses that neither these answers nor those of the plainer check exclude.
  package let compatible: [EngineHypothesis]
  package var notes: [Note] = []
  /// Another adapter that was requested first.
  package var other: ServerAdapter?

  package var scaling: ScalingFit? { if case .scaling(let fit) = conclusion { fit } else { nil } }

  /// The residual of the expected hypothesis.
  package var expectedResidual: Double? { fit?.entries.first { $0.hypothesis == expected }?.residual }

  init(
    _ kind: ServerCheckPlan.Kind, _ outcome: Outcome, _ conclusion: Conclusion, expected: EngineHypothesis,
    fit: EngineFit? = nil
  ) {
    self.kind = kind
    self.outcome = outcome
    self.conclusion = conclusion
    self.expected = expected
    self.fit = fit
    compatible = fit?.compatible ?? []
  }

  /// The verdict that a fit gives.
  ///
  /// - Parameter excluded: activations that other prompts exclude; ignored if nothing else is left.
  init(
    _ kind: ServerCheckPlan.Kind, expected: EngineHypothesis, fit: EngineFit,
    excluded: Set<EngineHypothesis.Activation> = [], notes: [Note] = [], other: ServerAdapter? = nil
  ) {
    let open = fit.compatible.filter { !excluded.contains($0.activation) }
    let compatible = open.isEmpty ? fit.compatible : open
    self.kind = kind
    self.expected = expected
    self.fit = fit
    self.compatible = compatible
    self.other = other
    if !fit.isExplained {
      (outcome, conclusion) = (.failed, .unexplained(nearest: fit.best?.hypothesis ?? expected))
    } else if !compatible.contains(expected) {
      (outcome, conclusion) = (.failed, .other)
    } else if compatible == [expected] {
      (outcome, conclusion) = (.passed, .expected)
    } else {
      (outcome, conclusion) = (.undecided, .ambiguous)
    }
    self.notes = outcome == .passed ? notes.filter { $0 == .nothingReused } : notes
  }

  /// The same check, failed because its answers depend on what came before.
  func differing(by nats: Double) -> ServerVerdict {
    var verdict = self
    (verdict.outcome, verdict.conclusion) = (.failed, .differsFromFresh(nats))
    verdict.notes = [.otherAdapterMayBeKept] + notes.filter { if case .reusedTokens = $0 { true } else { false } }
    return verdict
  }
}
