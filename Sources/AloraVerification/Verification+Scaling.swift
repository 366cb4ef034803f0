internal import AloraInference

extension Verification {
  /// What is known of the scaling that goldens were made with.
  enum Scaling {
    case untried
    case factor(Double)
    /// Goldens that no scaling explains.
    case none
  }

  /// The cause in words, where the adapter with another scaling gives the golden rows.
  ///
  /// Found once; later prompts are only tried with what fitted the first. The update is linear in the scaling and the
  /// logits nearly so: each step goes to where the line through the base's rows and the last ones comes nearest.
  func scalingThatFits(
    _ expected: [Int: [Float]], tokens: [Int], start: Int?, base: [Int: [Float]], adapted: [Int: [Float]],
    known: inout Scaling
  ) throws -> String? {
    let kept = Set(expected.keys)
    func rows(_ factor: Double) throws -> [Int: [Float]] {
      try scratch(tokens, start: start, parts: [Self.window], keeping: kept, adapter: adapter.scaled(by: Float(factor)))
        .rows
    }
    switch known {
    case .none: return nil
    case .factor(let factor): return fits(try rows(factor), expected) ? describe(factor) : nil
    case .untried: break
    }
    known = .none
    var (factor, latest) = (1.0, adapted)
    for _ in 0..<10 {
      let next = factor * nearest(to: expected, from: base, toward: latest)
      guard next.isFinite, abs(next) > 1e-3, abs(next) < 1e3 else { return nil }
      let step = abs(next - factor)
      factor = next
      latest = try rows(factor)
      if fits(latest, expected) {
        known = .factor(factor)
        return describe(factor)
      }
      guard step > 1e-7 * abs(factor) else { return nil }
    }
    return nil
  }

  /// How far along the line from `from` to `toward` (1 is there) `to` is nearest, over all rows.
  private func nearest(to target: [Int: [Float]], from: [Int: [Float]], toward: [Int: [Float]]) -> Double {
    var (along, length) = (0.0, 0.0)
    for position in target.keys.sorted() {
      guard let wanted = target[position], let origin = from[position], let end = toward[position] else { continue }
      for (index, start) in origin.enumerated() {
        let direction = Double(end[index]) - Double(start)
        along += (Double(wanted[index]) - Double(start)) * direction
        length += direction * direction
      }
    }
    return length == 0 ? .nan : along / length
  }

  private func describe(_ factor: Double) -> String {
    let rounded = (factor * 1000).rounded() / 1000
    var text = "it fits: the adapter's scaling times \(rounded)"
    let root = Double(adapter.largestRank).squareRoot()
    if adapter.largestRank > 1, abs(factor / root - 1) < 5e-3 {
      text += ", the square root of the rank: rank-stabilized scaling (use_rslora) left out"
    } else if adapter.largestRank > 1, abs(factor * root - 1) < 5e-3 {
      text += ", one by the square root of the rank: rank-stabilized scaling (use_rslora) where there is none"
    }
    return text
  }
}
