internal import AloraInference

extension Diagnosis {
  /// How far from the invocation's start an activation is near: where engines have it that count otherwise.
  private static let nearLimit = 4

  /// Another first adapted token that gives the golden rows.
  ///
  /// - Parameter isNear: true: only those that engines are known for, or the golden names; false: only the others.
  mutating func activation(_ prompt: GoldenPrompt, isNear: Bool) throws -> Hypothesis? {
    guard let position = prompt.failing.first else { return nil }
    let hypotheses = isNear ? nearCandidates(prompt) : farCandidates(prompt)
    let misfits = try misfits(hypotheses, prompt, at: position)
    for (hypothesis, misfit) in zip(hypotheses, misfits) where misfit <= prompt.tolerance {
      if try fits(hypothesis, prompt) { return hypothesis }
    }
    return nil
  }

  private func nearCandidates(_ prompt: GoldenPrompt) -> [Hypothesis] {
    let last = prompt.positions.last ?? 0
    guard let start = prompt.start else {
      var starts = Array(0...last)
      if let stated = prompt.statedStart, starts.contains(stated) { starts.insert(stated, at: 0) }
      return starts.map {
        Hypothesis(
          name: "activation at position \($0): other invocation tokens", adapter: adapter, activation: .at($0))
      }
    }
    var shifts = (1...Self.nearLimit).flatMap { [$0, -$0] }
    if let stated = prompt.statedStart, stated >= 0, stated != start { shifts.append(stated - start) }
    var found = [Hypothesis(name: "adapter off", adapter: adapter, activation: .off)]
    found += shifts.compactMap { shifted($0, start, last) }
    // The longest run comes last: the tokens may not be enough for it.
    if start > 1 {
      found.append(Hypothesis(name: "adapted from the first token", adapter: adapter, activation: .at(0)))
    }
    return found
  }

  private func farCandidates(_ prompt: GoldenPrompt) -> [Hypothesis] {
    let last = prompt.positions.last ?? 0
    guard let start = prompt.start, last > Self.nearLimit else { return [] }
    return ((Self.nearLimit + 1)...last).flatMap { [$0, -$0] }.compactMap { shifted($0, start, last) }
  }

  private func shifted(_ shift: Int, _ start: Int, _ last: Int) -> Hypothesis? {
    guard (0...last).contains(start + shift) else { return nil }
    let distance = abs(shift)
    let amount = distance == 1 ? "one token" : "\(distance) tokens"
    var name = "activation \(amount) \(shift > 0 ? "late" : "early")"
    if distance > 1 { name += ", at position \(start + shift): other invocation tokens, perhaps" }
    return Hypothesis(name: name, adapter: adapter, activation: .shifted(shift))
  }
}
