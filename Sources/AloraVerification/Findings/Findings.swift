internal import AloraInference

/// The failures that the proofs found, for one prompt or over all of them.
struct Findings {
  var failures: [Verdict.Proof: [Verdict.Failure]] = [:]
  var positionsBefore = 0
  var cacheEntriesBefore = 0
  var statesBefore = 0
  var continuationCount = 0
  var largestEffect = 0.0
  var golden = GoldenFigures()
  var activatedCount = 0
  /// For each known mistake, the largest relative effect on a row that is compared.
  var effects: [Mistake: Double] = [:]
  /// Mistakes that some prompt would show.
  var shown: Set<Mistake> = []

  /// - Parameter index: of the prompt that shows it.
  mutating func fail(_ proof: Verdict.Proof, _ finding: Finding, ofCase index: Int? = nil, cause: Cause? = nil) {
    failures[proof, default: []].append(.init(finding, caseIndex: index, cause: cause))
  }
}

extension Findings {
  /// Adds what was found for another prompt.
  mutating func merge(_ other: Findings) {
    for (proof, failures) in other.failures { self.failures[proof, default: []] += failures }
    positionsBefore += other.positionsBefore
    cacheEntriesBefore += other.cacheEntriesBefore
    statesBefore += other.statesBefore
    continuationCount += other.continuationCount
    largestEffect = max(largestEffect, other.largestEffect)
    golden.largestDifference = max(golden.largestDifference, other.golden.largestDifference)
    golden.largestDivergence = max(golden.largestDivergence, other.golden.largestDivergence)
    golden.rowCount += other.golden.rowCount
    golden.activeRowCount += other.golden.activeRowCount
    golden.sameTopCount += other.golden.sameTopCount
    activatedCount += other.activatedCount
    effects.merge(other.effects, uniquingKeysWith: max)
    shown.formUnion(other.shown)
  }

  /// Golden rows that only lack precision share one tolerance, at which all of them fit.
  mutating func shareTolerance() {
    let tolerances = (failures[.afterActivation] ?? []).compactMap { $0.cause?.toleranceThatFits }
    guard let largest = tolerances.max() else { return }
    for index in failures[.afterActivation, default: []].indices {
      failures[.afterActivation]?[index].cause?.toleranceThatFits = largest
    }
  }
}

extension Cause {
  /// Nil for causes that no tolerance excuses; they stay as they are.
  fileprivate var toleranceThatFits: Double? {
    get {
      switch self {
      case .golden(.precision(let loss)): loss.toleranceThatFits
      case .golden(.toleranceBelowFloat32(let tolerance)): tolerance
      default: nil
      }
    }
    set {
      guard let newValue else { return }
      switch self {
      case .golden(.precision(var loss)):
        loss.toleranceThatFits = newValue
        self = .golden(.precision(loss))
      case .golden(.toleranceBelowFloat32): self = .golden(.toleranceBelowFloat32(toleranceThatFits: newValue))
      default: break
      }
    }
  }
}

extension Verification {
  /// The verdicts when every prompt is done.
  func verdicts(_ all: Findings, _ exactness: Exactness?, promptCount: Int) -> [Verdict] {
    var findings = all
    findings.shareTolerance()
    if findings.activatedCount == 0 {
      findings.fail(.afterActivation, .noPromptActivates)
    } else if findings.largestEffect == 0 {
      findings.fail(.afterActivation, .adapterChangesNothing)
    } else if exactness != nil, findings.golden.activeRowCount == 0 {
      findings.fail(.afterActivation, .noGoldenRowOfActiveAdapter)
    }
    if demandsExactness, exactness != .comparable {
      findings.fail(.afterActivation, .bitsNotComparable(exactness))
    }
    let effects = Mistake.provable.compactMap { mistake in
      findings.effects[mistake].map {
        MistakeEffect(mistake: mistake, effect: $0, isShown: findings.shown.contains(mistake))
      }
    }
    for item in effects where !item.isShown { findings.fail(.sensitivity, .mistakeNotShown(item.mistake)) }
    if adapter.isActivated, effects.isEmpty {
      findings.fail(
        .sensitivity,
        .activationNotShown(findings.activatedCount == 0 ? .noPromptActivates : .noAdaptedGoldenRows))
    }
    var golden = findings.golden
    golden.exactness = exactness ?? .noDigests
    let figures: [ProofFigures] = [
      .structure(moduleCount: adapter.moduleCount, invocation: adapter.invocationTokens),
      .beforeActivation(
        positionCount: findings.positionsBefore, cacheEntryCount: findings.cacheEntriesBefore,
        stateCount: findings.statesBefore, isActivated: adapter.isActivated),
      .cacheReuse(continuationCount: findings.continuationCount, promptCount: promptCount),
      .afterActivation(largestEffect: findings.largestEffect, golden: exactness == nil ? nil : golden),
      .sensitivity(isActivated: adapter.isActivated, effects: effects),
    ]
    return figures.map { Verdict($0, failures: findings.failures[$0.proof] ?? []) }
  }
}
