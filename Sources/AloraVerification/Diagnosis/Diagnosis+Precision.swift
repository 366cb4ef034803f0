extension Diagnosis {
  /// The part of the golden rows' differences that low precision explains.
  struct PrecisionFinding {
    /// Of the base's rows; nil if it doesn't explain them.
    var base: GoldenMistake.PrecisionLoss?
    var adapted: GoldenMistake.PrecisionLoss?
    /// With what the golden's imprecision hides, the adapter's rows are judged by this tolerance.
    var tolerance: Tolerance
  }

  /// Looks at the golden rows' bits, and at how far the base's rows are off: the same precision made those of the adapter.
  static func precision(_ prompt: GoldenPrompt) -> PrecisionFinding? {
    let golden = prompt.golden
    // Rows before the activation are the base's, whatever the adapter.
    let reference = golden.base.merging(
      golden.adapted.filter { $0.key < prompt.start ?? prompt.tokens.count }, uniquingKeysWith: { base, _ in base })
    let noise = largest(reference, prompt.baseRows)
    let fromBits = PrecisionCheck(golden)
    let isTF32Level =
      !reference.isEmpty && !prompt.tolerance.accepts(noise) && fromBits == nil
    guard let check = fromBits ?? (isTF32Level ? PrecisionCheck(levelOf: .tf32Level) : nil) else { return nil }
    func loss(_ largest: Double, _ isRoundingOnly: Bool) -> GoldenMistake.PrecisionLoss {
      .init(
        format: check.format, isStored: check.isStored, isRoundingOnly: isRoundingOnly, largest: largest,
        toleranceThatFits: largest)
    }
    guard
      reference.isEmpty
        || noise <= check.largestPlausible
          && correlation(reference, prompt.baseRows) >= check.leastCorrelation
    else { return nil }
    let isBaseRounding = check.isRoundingOnly(golden: reference, computed: prompt.baseRows)
    let isAdaptedRounding = check.isRoundingOnly(golden: golden.adapted, computed: prompt.adaptedRows)
    // Later layers and the update add to the noise; without rows of the base, the format's half must do.
    let allowed = reference.isEmpty ? check.largestPlausible / 2 : 2 * noise
    let tolerance = Tolerance(max(prompt.tolerance.limit, allowed), source: .precision)
    let adapted = largest(golden.adapted, prompt.adaptedRows)
    let isAdaptedExplained = isAdaptedRounding || tolerance.accepts(adapted)
    return PrecisionFinding(
      base: golden.base.isEmpty ? nil : loss(largest(golden.base, prompt.baseRows), isBaseRounding),
      adapted: isAdaptedExplained ? loss(adapted, isAdaptedRounding) : nil, tolerance: tolerance)
  }

  private static func largest(_ golden: [Int: [Float]], _ computed: [Int: [Float]]) -> Double {
    golden.reduce(0) { max($0, RowComparison.relative(expected: $1.value, found: computed[$1.key])) }
  }

  /// The same for one set of rows, if the others differ by more.
  static func float32Cause(_ golden: [Int: [Float]], _ computed: [Int: [Float]]) -> Cause? {
    let difference = largest(golden, computed)
    return Tolerance.standard.accepts(difference)
      ? .golden(.toleranceBelowFloat32(toleranceThatFits: difference)) : nil
  }

  /// Whether two float32 implementations may differ as much as all of the prompt's rows do; then the tolerance that fits.
  static func float32Difference(_ prompt: GoldenPrompt) -> Double? {
    let difference = max(
      largest(prompt.golden.base, prompt.baseRows), largest(prompt.golden.adapted, prompt.adaptedRows))
    return Tolerance.standard.accepts(difference) ? difference : nil
  }
}
