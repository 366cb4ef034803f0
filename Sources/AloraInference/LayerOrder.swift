/// An order of layers, or of experts, that isn't the model's.
package enum LayerOrder: String, CaseIterable, Sendable {
  /// Item i is at place i + 1, or at i − 1.
  case oneLate = "one-late"
  case oneEarly = "one-early"
  case reversed
  /// The items are sorted by their numbers as text (1, 10, 11, 2), or that order was undone once too often.
  case sortedAsText = "sorted-as-text"
  case unsortedAsText = "unsorted-as-text"
}

extension LayerOrder {
  /// The orders of `count` items that change something: number i gets what `order[i]` has.
  package static func orders(of count: Int) -> [(name: LayerOrder, order: [Int])] {
    guard count > 1 else { return [] }
    let numbers = Array(0..<count)
    let asText = numbers.sorted { String($0) < String($1) }
    let places = numbers.map { number in asText.firstIndex(of: number) ?? number }
    return [
      (.oneLate, numbers.map { ($0 + 1) % count }),
      (.oneEarly, numbers.map { ($0 + count - 1) % count }),
      (.reversed, numbers.reversed()),
      (.sortedAsText, places),
      (.unsortedAsText, asText),
    ].filter { $0.1 != numbers }
  }
}
