internal import AloraSystem
internal import AloraInference

/// What the proofs have found, for one prompt or over all.
struct Findings {
  var failures: [Verdict.Proof: [Verdict.Failure]] = [:]
  var rowsBefore = 0
  var entriesBefore = 0
  var reuses = 0
  var effect = 0.0
  var worstGolden = 0.0
  var greatestDivergence = 0.0
  var goldenRows = 0
  /// Those of them that an active adapter has made.
  var activeGoldenRows = 0
  var sameTop = 0
  var activatedCount = 0
  /// For each change of the activation, the largest relative effect.
  var sensitivity: [String: Double] = [:]
  /// Those of them that some prompt would have shown.
  var shown: Set<String> = []

  /// - Parameter name: of the prompt that shows it.
  mutating func fail(_ proof: Verdict.Proof, of name: String? = nil, _ text: String, cause: String? = nil) {
    failures[proof, default: []].append(.init(caseName: name, text: text, cause: cause))
  }
}

extension Findings {
  /// Adds what was found for another prompt.
  mutating func merge(_ other: Findings) {
    for (proof, failures) in other.failures { self.failures[proof, default: []] += failures }
    rowsBefore += other.rowsBefore
    entriesBefore += other.entriesBefore
    reuses += other.reuses
    effect = max(effect, other.effect)
    worstGolden = max(worstGolden, other.worstGolden)
    greatestDivergence = max(greatestDivergence, other.greatestDivergence)
    goldenRows += other.goldenRows
    activeGoldenRows += other.activeGoldenRows
    sameTop += other.sameTop
    activatedCount += other.activatedCount
    sensitivity.merge(other.sensitivity, uniquingKeysWith: max)
    shown.formUnion(other.shown)
  }
}

extension Verification {
  /// What becomes of the findings when every prompt is done.
  func verdicts(_ all: Findings, _ exactness: Exactness?, promptCount: Int) -> [Verdict] {
    var findings = all
    if findings.activatedCount == 0 {
      findings.fail(.afterActivation, "no prompt activates the adapter")
    } else if findings.effect == 0 {
      findings.fail(.afterActivation, "the adapter changes nothing: its factors are zero")
    } else if exactness != nil, findings.activeGoldenRows == 0 {
      findings.fail(
        .afterActivation,
        "no golden row is of the adapter while it is active (adapted_logits_i at or behind the activation), "
          + "so nothing holds what it computes")
    }
    if demandsExactness, exactness != .comparable {
      let reason = exactness?.description ?? "there are no goldens"
      findings.fail(.afterActivation, "no bits can be compared: \(reason)")
    }
    let dull = findings.sensitivity.keys.filter { !findings.shown.contains($0) }.sorted()
    for name in dull { findings.fail(.sensitivity, "these prompts would not show: \(name)") }
    if adapter.isActivated, findings.sensitivity.isEmpty {
      let reason = findings.activatedCount == 0 ? "no prompt activates the adapter" : "there are no adapted golden rows"
      findings.fail(.sensitivity, "\(reason), so none would show a wrong activation")
    }
    func outcome(_ proof: Verdict.Proof) -> String { findings.failures[proof] == nil ? "bit for bit" : "compared" }
    let least = findings.sensitivity.min { $0.value < $1.value }
    let details: [Verdict.Proof: String] = [
      .structure: "\(counted(adapter.moduleCount, "module")), invocation "
        + "\(adapter.invocationTokens.map { "\($0)" } ?? "none")",
      .beforeActivation:
        "\(findings.rowsBefore) positions, \(findings.entriesBefore) keys and values, \(outcome(.beforeActivation))",
      .cacheReuse:
        "\(findings.reuses) continuations of caches in \(counted(promptCount, "prompt")), \(outcome(.cacheReuse))",
      .afterActivation: exactness != nil
        ? "\(findings.goldenRows) golden rows, greatest |Δ| \(Figure(findings.worstGolden)) of the row's magnitude, "
          + "divergence up to \(Figure(findings.greatestDivergence)) nats, \(findings.sameTop) with the same top token"
          + (exactness.flatMap { $0 == .none ? nil : "; \($0.description)" } ?? "")
        : "the adapter moves logits by up to \(Figure(findings.effect)) of their magnitude",
      .sensitivity: least.map {
        "the least visible mistake (\($0.key)) would move logits by \(Figure($0.value)) of their magnitude"
      }
        ?? (adapter.isActivated
          ? "nothing to tell activations apart by" : "an ordinary LoRA: there is no activation to get wrong")
        ,
    ]
    return Verdict.Proof.always.map {
      Verdict(proof: $0, failures: findings.failures[$0] ?? [], detail: details[$0] ?? "")
    }
  }
}
