/// Chooses the prompts that distinguish the hypotheses best, according to the exact engine.
struct PromptSelection {
  let runs: ReferenceRuns

  /// `count` of the candidates, after the `fixed` prompts.
  ///
  /// Repeatedly takes the prompt that increases the smallest separation of any two settings most, summed over the prompts
  /// taken so far. A separation above one nat² counts as one.
  /// - Parameter settings: the hypotheses, in the same order for every prompt.
  func choose(
    _ count: Int, from candidates: [[Int]], fixed: [[Int]], settings: ([Int]) -> [ReferenceRuns.Setting]
  ) throws -> [[Int]] {
    var left = try candidates.map { (tokens: $0, separation: try separations($0, settings($0))) }
    var chosen = fixed
    guard let width = left.first?.separation.count else { return chosen }
    var sum = [Double](repeating: 0, count: width)
    while chosen.count < fixed.count + count, !left.isEmpty {
      func worth(_ index: Int) -> (least: Double, all: Double) {
        let sums = zip(sum, left[index].separation).map { $0 + min(1, $1) }
        // Settings that are the same for every prompt are one hypothesis.
        return (sums.filter { $0 > 0 }.min() ?? 0, sums.reduce(0, +))
      }
      let best = left.indices.max { worth($0) < worth($1) } ?? 0
      sum = zip(sum, left[best].separation).map { $0 + min(1, $1) }
      chosen.append(left.remove(at: best).tokens)
    }
    return chosen
  }

  /// The separation of each pair of settings, once per pair.
  private func separations(_ tokens: [Int], _ settings: [ReferenceRuns.Setting]) throws -> [Double] {
    let distinct = Array(Set(settings))
    let table = try runs.separations(tokens, distinct)
    let places = settings.map { setting in distinct.firstIndex(of: setting) ?? 0 }
    return places.indices.flatMap { i in (0..<i).map { j in table[places[i]][places[j]] } }
  }
}
