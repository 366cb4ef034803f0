internal import AloraSystem

/// The logarithm of the sum of a row's exponentials, which turns logits into log-probabilities.
///
/// Computed in double precision, relative to the largest logit. The C library's functions are exact enough, because the
/// result is only compared within tolerances. -infinity is a probability of 0. A row with NaN, with +infinity, or with only
/// -infinity gives NaN.
///
/// Not generic, because a generic function in another module would access each element through a run-time call.
///
/// Shape: `[V]`, V at least 1. Units: nats.
package func logSumExp(_ row: ArraySlice<Float>) -> Double {
  let greatest = Double(row.max() ?? 0)
  guard greatest.isFinite else { return .nan }
  return greatest + log(row.reduce(0.0) { $0 + exp(Double($1) - greatest) })
}

/// The Kullback-Leibler divergence of a row of logits from another: the cost of using `found` if `expected` is true.
///
/// Shape: both `[V]`. Units: nats. Infinite if a row isn't a distribution, or if only `expected` allows some token.
package func divergence(of found: ArraySlice<Float>, from expected: ArraySlice<Float>) -> Double {
  let (foundSum, expectedSum) = (logSumExp(found), logSumExp(expected))
  guard foundSum.isFinite, expectedSum.isFinite else { return .infinity }
  var sum = 0.0
  for (left, right) in zip(expected, found) where left > -.infinity {
    let logProbability = Double(left) - expectedSum
    let probability = exp(logProbability)
    // A probability below the range of doubles, times a finite number.
    if probability > 0 { sum += probability * (logProbability - (Double(right) - foundSum)) }
  }
  // Negative only by rounding.
  return sum.isNaN ? .infinity : max(0, sum)
}
