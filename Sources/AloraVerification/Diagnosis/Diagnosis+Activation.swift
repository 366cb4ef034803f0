internal import AloraInference

extension Diagnosis {
  /// Activations within this distance from the invocation's start are near: engines that count differently put it there.
  private static let nearLimit = 4

  /// Tries other first adapted tokens.
  ///
  /// - Parameter isNear: true: only positions that engines are known for, or that the golden names; false: only the others.
  mutating func activation(_ prompt: GoldenPrompt, isNear: Bool) throws -> Hypothesis? {
    guard let position = prompt.failing.first else { return nil }
    let hypotheses = isNear ? nearCandidates(prompt) : farCandidates(prompt)
    let misfits = try misfits(hypotheses, prompt, at: position)
    for (hypothesis, misfit) in zip(hypotheses, misfits) where prompt.tolerance.accepts(misfit) {
      if try fits(hypothesis, prompt) { return hypothesis }
    }
    return nil
  }

  private func nearCandidates(_ prompt: GoldenPrompt) -> [Hypothesis] {
    let last = prompt.positions.last ?? 0
    guard let start = prompt.start else {
      var starts = Array(0...last)
      if let stated = prompt.statedStart, starts.contains(stated) { starts.insert(stated, at: 0) }
      return starts.map { Hypothesis(mistake: .activeAt($0), adapter: adapter, activation: .at($0)) }
    }
    var shifts = (1...Self.nearLimit).flatMap { [$0, -$0] }
    if let stated = prompt.statedStart, stated >= 0, stated != start { shifts.append(stated - start) }
    var found = [Hypothesis(mistake: .adapterOff, adapter: adapter, activation: .off)]
    found += shifts.compactMap { shifted($0, start, last) }
    // The longest run comes last, in case the tokens run out.
    if start > 1 {
      found.append(Hypothesis(mistake: .activeFromFirstToken, adapter: adapter, activation: .at(0)))
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
    return Hypothesis(mistake: .activationShifted(shift), adapter: adapter, activation: .shifted(shift))
  }
}
