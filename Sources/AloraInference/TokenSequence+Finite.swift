internal import AloraSystem

extension TokenSequence {
  /// Refuses logits that aren't finite. Every difference from them is NaN, so no comparison would show a mistake.
  ///
  /// - Throws: `notFinite`. It names the adapter's file if only adapted logits aren't finite.
  func checkFinite(_ logits: Logits) throws(InferenceError) {
    // NaN and infinity have all exponent bits set, so adding one to the exponent carries into the sign bit.
    let exponent: UInt32 = 0x7F80_0000
    var carries: UInt32 = 0
    for value in logits.values { carries |= (value.bitPattern & exponent) &+ 0x0080_0000 }
    guard carries >> 31 != 0, let index = logits.values.firstIndex(where: { !$0.isFinite }) else { return }
    let position = logits.positions.lowerBound + index / logits.vocabularySize
    let isAdapted = activationStart.map { position >= $0 } ?? false
    throw InferenceError(
      .notFinite, path: isAdapted ? adapter?.path ?? model.path : model.path, place: "position \(position)",
      problem: "the \(isAdapted ? "adapted " : "")logits are not finite: token \(index % logits.vocabularySize) has "
        + (logits.values[index].isNaN ? "nan" : "\(logits.values[index])"),
      remedy: .inspectValues)
  }
}
