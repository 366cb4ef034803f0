internal import AloraGeneration
package import AloraInference
internal import AloraSystem

/// Which positions of a text are kept.
package enum PositionSelection: Hashable, Sendable {
  case named(GoldenRecorder.Selection)
  /// Indices; negative ones count from the end.
  case listed([Int])

  /// - Parameter text: `around`, `activated`, `last`, `all`, or indices such as `0,5,-1`.
  package init?(_ text: String) {
    if let name = GoldenRecorder.Selection(rawValue: text) {
      self = .named(name)
      return
    }
    guard let indices = TokenLists.numbers(in: text) else { return nil }
    self = .listed(indices)
  }

  /// The positions, rising and without repetitions.
  ///
  /// - Parameter start: the first adapted position; nil: none.
  /// - Throws: `positionOutsideText`.
  package func positions(tokenCount: Int, start: Int?) throws(InferenceError) -> [Int] {
    switch self {
    case .named(let selection): return Array(selection.positions(tokenCount: tokenCount, start: start))
    case .listed(let indices):
      var positions: Set<Int> = []
      for index in indices {
        let position = index < 0 ? tokenCount + index : index
        guard (0..<tokenCount).contains(position) else {
          throw InferenceError(
            .positionOutsideText, path: nil,
            problem: "position \(index) is outside a text of \(counted(tokenCount, "token"))")
        }
        positions.insert(position)
      }
      return positions.sorted()
    }
  }
}
