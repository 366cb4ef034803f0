internal import AloraSystem

extension TokenSequence {
  /// What is not finite can be compared with nothing: every difference from it is NaN, and no mistake would show.
  ///
  /// - Throws: `notFinite`, with the adapter for its file where only adapted logits are to blame.
  func checkFinite(_ logits: Logits) throws(InferenceError) {
    // In every number that is NaN or infinite, all bits of the exponent are set: one more, and they carry into the sign.
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
