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
}
