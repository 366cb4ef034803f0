internal import CAloraKernels

/// Whether an update is in found weights at its strength, however roughly the weights are rounded.
///
/// Rounding errors of a tensor are large beside an adapter's update, but they don't point in its direction. So what is found
/// is fitted: found − expected = a · sum + b · update + error, where `b` is 0 for the right strength, −0.1 if a tenth of the
/// update is missing. The term with `a` is for quantizers that make all weights somewhat smaller.
package struct UpdateFit: Hashable, Sendable {
  /// How much more of the update was found than expected, as a multiple of it.
  package let surplus: Double
  /// The standard deviation that the rest gives `surplus`.
  package let deviation: Double

  /// Beyond chance, and beyond what two ways of computing the update differ by.
  package var isWrong: Bool { abs(surplus) > max(0.02, 5 * deviation) }

  /// The fit of several tensors together, each with the weight of its precision; nil for none.
  package init?(_ fits: [UpdateFit]) {
    let weights = fits.map { 1 / max($0.deviation * $0.deviation, 1e-18) }
    let total = weights.reduce(0, +)
    guard total > 0 else { return nil }
    surplus = zip(fits, weights).reduce(0) { $0 + $1.0.surplus * $1.1 } / total
    deviation = 1 / total.squareRoot()
  }

  /// Nil if update and sum have the same direction.
  fileprivate init?(_ sums: alora_fit, count: Int) {
    let determinant = sums.sum_sum * sums.update_update - sums.sum_update * sums.sum_update
    guard determinant > 1e-12 * sums.sum_sum * sums.update_update else { return nil }
    let a = (sums.difference_sum * sums.update_update - sums.difference_update * sums.sum_update) / determinant
    let b = (sums.difference_update * sums.sum_sum - sums.difference_sum * sums.sum_update) / determinant
    let rest = max(0, sums.difference_difference - a * sums.difference_sum - b * sums.difference_update)
    surplus = b
    deviation = (rest / Double(max(1, count)) * sums.sum_sum / determinant).squareRoot()
  }

  /// Adds up the numbers that a fit needs.
  package struct Sums {
    private var sums = alora_fit()
    private var count = 0

    package init() {}

    /// Adds elements: the sum of base and update before it is rounded, the base, what rounding should give, what was found.
    package mutating func add(sum: [Float], base: [Float], expected: [Float], found: [Float]) {
      precondition([base.count, expected.count, found.count].allSatisfy { $0 == sum.count }, "as many of each")
      unsafe alora_fit_sums(sum, base, expected, found, sum.count, &sums)
      count += sum.count
    }

    package var fit: UpdateFit? { UpdateFit(sums, count: count) }
  }
}
