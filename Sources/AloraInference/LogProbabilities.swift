internal import AloraSystem

/// The logarithm of the sum of a row's exponentials: what turns its logits into log-probabilities.
///
/// In double precision, the greatest taken out first; it is compared with tolerances, so the C library's functions will do.
/// -infinity is a probability of 0. A row with NaN gives NaN, one with +infinity or of nothing but -infinity is no
/// distribution and gives NaN, too.
///
/// Not generic: called from another module, a generic one asks for each element at run time.
///
/// Shape: `[V]`, V at least 1. Units: nats.
package func logSumExp(_ row: ArraySlice<Float>) -> Double {
  let greatest = Double(row.max() ?? 0)
  guard greatest.isFinite else { return .nan }
  return greatest + log(row.reduce(0.0) { $0 + exp(Double($1) - greatest) })
}

/// The Kullback-Leibler divergence of a row of logits from another: what an answer costs for which `found` was taken
/// where `expected` is the truth.
///
/// Shape: both `[V]`. Units: nats. Infinite if a row isn't a distribution, or if only `expected` allows some token.
package func divergence(of found: ArraySlice<Float>, from expected: ArraySlice<Float>) -> Double {
  let (foundSum, expectedSum) = (logSumExp(found), logSumExp(expected))
  guard foundSum.isFinite, expectedSum.isFinite else { return .infinity }
  var sum = 0.0
  for (left, right) in zip(expected, found) where left > -.infinity {
    let logProbability = Double(left) - expectedSum
    let probability = exp(logProbability)
    // A probability that a double cannot hold times a number that it can.
    if probability > 0 { sum += probability * (logProbability - (Double(right) - foundSum)) }
  }
  // Below zero by rounding only.
  return sum.isNaN ? .infinity : max(0, sum)
}
