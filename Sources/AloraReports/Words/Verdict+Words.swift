internal import AloraInference
internal import AloraSystem
internal import AloraVerification

extension Verdict {
  /// The figures in one line.
  var detail: String {
    switch figures {
    case .structure(let moduleCount, let invocation):
      "\(counted(moduleCount, "module")), \(invocation.map { "invocation \($0)" } ?? "no invocation (an ordinary LoRA)")"
    case .beforeActivation(let positionCount, let entryCount, let stateCount, let isActivated):
      outcome == .notApplicable
        ? isActivated
          ? "not applicable: no prompt has tokens before the activation"
          : "not applicable: an ordinary LoRA is active from the first token"
        : "\(counted(positionCount, "position")), \(entryCount) keys and values"
          + (stateCount > 0 ? ", \(counted(stateCount, "recurrent state"))" : "")
          + (passed ? ": bit-identical to the base" : " compared")
    case .cacheReuse(let continuationCount, let promptCount):
      "\(counted(continuationCount, "continuation")) from a cache in \(counted(promptCount, "prompt"))"
        + (passed ? ": bit-identical to computing from scratch" : " compared")
    case .afterActivation(let effect, let golden):
      golden?.text
        ?? "the adapter changes logits by up to \(Figure(effect)) (relative); there are no goldens to compare with"
    case .sensitivity(let isActivated, let effects):
      Self.sensitivity(isActivated, effects)
    case .baseline(let positionCount, let promptCount, let isRecorded):
      "\(counted(positionCount, "position")) in \(counted(promptCount, "prompt"))"
        + (outcome == .recorded
          ? " recorded; nothing was compared"
          : passed
            ? ": logits, keys and values are bit-identical to the baseline"
            : isRecorded
              ? " not recorded" : " compared; if the change is intended, accept it as the new baseline")
    }
  }

  private static func sensitivity(_ isActivated: Bool, _ effects: [MistakeEffect]) -> String {
    guard let least = effects.min(by: { $0.effect < $1.effect }) else {
      return isActivated
        ? "no row shows where the activation is"
        : "not applicable: no row of this ordinary LoRA is compared"
    }
    return
      "the smallest known mistake (\(least.mistake.name)) would change logits by at least \(Figure(least.effect)) (relative)"
  }
}

extension Verdict.Proof {
  var title: String {
    switch self {
    case .structure: "Structure"
    case .beforeActivation: "Before the activation"
    case .cacheReuse: "Cache reuse"
    case .afterActivation: "After the activation"
    case .sensitivity: "Sensitivity"
    case .baseline: "Baseline"
    }
  }

  /// - Parameter hasStates: whether recurrent states were compared.
  func meaning(hasGolden: Bool, hasStates: Bool) -> String {
    switch self {
    case .structure: "The base has what the adapter's invocation and shapes need."
    case .beforeActivation:
      "Before the activation, logits, \(hasStates ? "keys, values and recurrent states" : "keys and values") are "
        + "bit-identical to the base's."
    case .cacheReuse:
      "Continuing from a cache gives the same bits as computing from scratch, in every order of base and adapter."
    case .afterActivation:
      hasGolden
        ? "The adapter changes the logits, and the result agrees with the golden logits."
        : "The adapter changes the logits. Only golden logits show whether the result is what was trained."
    case .sensitivity:
      "Had the adapter been off, unscaled, or active one token early or late, these rows would have differed by more than "
        + "the tolerance."
    case .baseline: "Logits, keys and values have the bits that an earlier run recorded."
    }
  }
}

extension GoldenFigures {
  fileprivate var text: String {
    "\(counted(rowCount, "golden row")): largest difference \(Figure(largestDifference, digits: 2)) (relative to the row's "
      + "largest logit), divergence up to \(Figure(largestDivergence, digits: 2)) nats, same top token in "
      + (sameTopCount == rowCount ? "all" : "\(sameTopCount)") + (exactness.text.map { "; \($0)" } ?? "")
  }
}

extension Exactness {
  /// Nil for goldens without digests, the common case.
  var text: String? {
    switch self {
    case .noDigests: nil
    case .otherVersion(let version):
      "bits not compared: the goldens have exactness version \(version), this program has \(exactnessVersion)"
    case .otherModel: "bits not compared: the goldens were recorded with another model file"
    case .otherAdapter: "bits not compared: the goldens were recorded with another adapter"
    case .comparable: "bits compared with the recorded ones"
    }
  }
}
