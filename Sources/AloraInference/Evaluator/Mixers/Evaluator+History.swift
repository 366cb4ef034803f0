internal import AloraModels

extension Evaluator {
  /// A convolution's last rows, for the tokens that follow a stage.
  ///
  /// - Parameter column: the first column of `x` that the convolution reads.
  func keepHistory(
    _ place: RecurrentLayout.Layer, _ stage: RecurrentStage, of x: Rows, firstColumn column: Int = 0
  ) {
    let (count, width) = (place.historyRowCount, place.channelCount)
    let to = unsafe stage.to.memory.base + place.historyOffset
    for index in 0..<count {
      // Counted from the oldest row of the history before: the rows of the stage follow it.
      let source = index + stage.rows.count
      if source < count {
        if let from = stage.from {
          unsafe (to + index * width).update(
            from: from.memory.base + place.historyOffset + source * width, count: width)
        } else {
          unsafe (to + index * width).update(repeating: 0, count: width)
        }
      } else {
        let row = stage.rows.lowerBound + source - count
        unsafe (to + index * width).update(from: x[row] + column, count: width)
      }
    }
  }

  /// The rows that a convolution sees before a stage's first one.
  func history(_ place: RecurrentLayout.Layer, _ stage: RecurrentStage) -> UnsafePointer<Float> {
    // A new state is zeros, as what comes before a text.
    unsafe UnsafePointer((stage.from ?? stage.to).memory.base + place.historyOffset)
  }
}
