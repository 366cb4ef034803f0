internal import CAloraKernels

/// Functions of real numbers that have the same bits on every machine, unlike the C library's.
///
/// Relative errors stay below 1e-15 (`pow`: 1e-14). For tables and sampling, never for each element of a tensor.
/// Source: `numerics/binary64.c` of the kernels.
package enum ExactMath {
  /// eˣ.
  package static func exp(_ x: Double) -> Double { alora_exp_f64(x) }
  /// The natural logarithm of a positive, finite, normal number.
  package static func log(_ x: Double) -> Double { alora_log_f64(x) }
  /// `base` to the power of `exponent`; `base` is positive.
  package static func pow(_ base: Double, _ exponent: Double) -> Double { alora_pow_f64(base, exponent) }

  /// The number whose error function is `y`, for −1 < y < 1; an infinity or NaN otherwise. The error function's value there
  /// is within 1e-15 of `y`.
  package static func inverseErrorFunction(_ y: Double) -> Double {
    guard abs(y) < 1 else { return abs(y) == 1 ? y * .infinity : .nan }
    // The function rises, and is 1 in binary64 from 6 on.
    var (low, high) = (0.0, 6.0)
    while true {
      let middle = 0.5 * (low + high)
      guard middle > low, middle < high else { break }
      if errorFunction(middle) < abs(y) { low = middle } else { high = middle }
    }
    return y < 0 ? -high : high
  }

  /// 2/√π · x · e^(−x²) · Σ (2x²)ᵏ / (1 · 3 · 5 ⋯ (2k + 1)), whose terms are all positive, for x from 0 to 6.
  private static func errorFunction(_ x: Double) -> Double {
    var (sum, term, divisor) = (1.0, 1.0, 1.0)
    while term > 1e-17 * sum {
      divisor += 2
      term *= 2 * x * x / divisor
      sum += term
    }
    return 2 / Double.pi.squareRoot() * x * exp(-x * x) * sum
  }
}
