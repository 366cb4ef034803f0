internal import AloraInference

extension Verification {
  /// Proof 4, against goldens: base and adapted rows beyond the tolerance, and what explains them.
  ///
  /// - Throws: ``InferenceError``, ``FileError``.
  func explain(
    _ prompt: GoldenPrompt, _ comparisons: GoldenComparisons, _ diagnosis: inout Diagnosis
  ) throws -> [(miss: GoldenMiss, cause: Cause)] {
    let misses = (
      base: Self.miss(.base, comparisons.base, prompt.tolerance),
      adapted: Self.miss(.adapted, comparisons.adapted, prompt.tolerance)
    )
    let causes = try diagnosis.causes(
      of: prompt, baseMisses: misses.base != nil, adaptedMisses: misses.adapted != nil)
    return [(misses.base, causes.base), (misses.adapted, causes.adapted)].compactMap { miss, cause in
      miss.flatMap { miss in cause.map { (miss, $0) } }
    }
  }

  /// The row with the largest difference and how many rows fail; nil if none does.
  private static func miss(
    _ weights: Finding.Weights, _ comparisons: [Int: RowComparison], _ tolerance: Tolerance
  ) -> GoldenMiss? {
    let rows = comparisons.sorted { $0.key < $1.key }
    let failing = rows.filter { !tolerance.accepts($0.value) }
    guard let first = failing.first?.key,
      let (position, row) = failing.max(by: { $0.value.relative < $1.value.relative })
    else { return nil }
    return GoldenMiss(
      weights: weights, position: position, row: row, failingCount: failing.count, rowCount: rows.count,
      firstFailing: first, tolerance: tolerance)
  }
}
