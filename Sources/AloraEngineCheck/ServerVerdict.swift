/// What one check of a server has found.
public struct ServerVerdict: Hashable, Sendable {
  public enum Outcome: String, Sendable {
    case passed, failed
    /// What is expected fits, and so does something else.
    case undecided
    case skipped
  }
  public let kind: ServerCheckPlan.Kind
  public let outcome: Outcome
  public let expected: EngineHypothesis
  /// Nil for a skipped check.
  public let fit: EngineFit?
  /// For people: what fits, or why the check was skipped.
  public let detail: String
  /// The fitted factor of the scaling and the interval that fits, for that check.
  public var scaling: (value: Double, range: ClosedRange<Double>)? { factor.map { ($0.value, $0.lower...$0.upper) } }

  /// What the answers do not exclude, here and in the check that asks the same without a cache.
  public private(set) var compatible: [EngineHypothesis]

  struct Factor: Hashable { let value, lower, upper: Double }
  var factor: Factor?

  /// The residual of what is expected.
  public var expectedResidual: Double? { fit?.entries.first { $0.hypothesis == expected }?.residual }

  init(
    _ kind: ServerCheckPlan.Kind, _ outcome: Outcome, expected: EngineHypothesis, fit: EngineFit?, detail: String,
    factor: Factor? = nil
  ) {
    self.kind = kind
    self.outcome = outcome
    self.expected = expected
    self.fit = fit
    self.detail = detail
    self.factor = factor
    compatible = fit?.compatible ?? []
  }

  /// The verdict that a fit gives.
  ///
  /// - Parameters:
  ///   - excluded: what other prompts have excluded; not offered again, unless nothing else is left.
  ///   - note: what else is to be said of a check that did not pass.
  ///   - other: which other adapter was asked before.
  init(
    _ kind: ServerCheckPlan.Kind, expected: EngineHypothesis, fit: EngineFit,
    excluded: Set<EngineHypothesis.Activation> = [], note: String? = nil, other: String? = nil
  ) {
    let best = fit.best?.hypothesis ?? expected
    let open = fit.compatible.filter { !excluded.contains($0.activation) }
    let compatible = open.isEmpty ? fit.compatible : open
    let others = compatible.filter { $0 != expected }
    let outcome: Outcome
    var detail: String
    if !fit.isExplained {
      (outcome, detail) = (.failed, "fits nothing that was tried; nearest: \(best)")
    } else if !compatible.contains(expected) {
      outcome = .failed
      detail = "fits: " + Self.list(compatible)
    } else if others.isEmpty {
      (outcome, detail) = (.passed, "\(expected)")
    } else {
      outcome = .undecided
      detail = "\(expected), or else: " + Self.list(others)
    }
    if outcome != .passed, let note { detail += "; \(note)" }
    if let other { detail += "; asked before: \(other)" }
    self.init(kind, outcome, expected: expected, fit: fit, detail: detail)
    self.compatible = compatible
  }

  private static func list(_ hypotheses: [EngineHypothesis]) -> String {
    let shown = hypotheses.prefix(3).map(\.description).joined(separator: "; or: ")
    return hypotheses.count > 3 ? "\(shown); or \(hypotheses.count - 3) others" : shown
  }
}
