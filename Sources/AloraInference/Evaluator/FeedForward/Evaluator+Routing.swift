internal import AloraModels
internal import CAloraKernels

extension Evaluator {
  /// Each token's best few experts by the router's logits, or by their scores and a correction, the lower number first if two
  /// are equal. A softmax of the chosen logits, or a sum of the chosen scores, goes from the best on, a softmax of all logits
  /// in the order of the experts' numbers.
  ///
  /// - Returns: for each expert, its tokens.
  func route(_ mixture: Model.Mixture, _ layer: Int, _ input: Rows, _ pass: Pass) -> [[RoutedToken]] {
    let (expertCount, chosenCount) = (mixture.experts.count, mixture.routing.expertsPerToken)
    let logits = pass.experts.logits.with(columnCount: expertCount)
    let weights = pass.experts.weights.with(columnCount: chosenCount)
    multiply(input, [Product(matrix: mixture.router, slot: .layer(.router), output: logits)], layer, pass)
    var tokensOfExpert = [[RoutedToken]](repeating: [], count: expertCount)
    guard expertCount > 0, chosenCount > 0 else { return tokensOfExpert }
    for row in 0..<pass.rowCount {
      let (scores, chosen) = unsafe (logits[row], weights[row])
      let experts = unsafe choose(mixture, scores)
      for (place, expert) in experts.enumerated() {
        unsafe chosen[place] = scores[expert]
        tokensOfExpert[expert].append((row, row * chosenCount + place))
      }
      switch mixture.routing.weights {
      case .softmaxOfAll: break
      case .softmaxOfChosen: unsafe alora_softmax(isa, chosen, chosen, chosenCount)
      case .sigmoidOnInput: unsafe alora_sigmoid(isa, chosen, chosen, chosenCount)
      case .scores(let scores): unsafe scores.weigh(UnsafeMutableBufferPointer(start: chosen, count: chosenCount))
      }
      guard let scales = mixture.expertScales else { continue }
      for (place, expert) in experts.enumerated() { unsafe chosen[place] *= scales.base[expert] }
    }
    return tokensOfExpert
  }

  /// A token's experts, the best first. Leaves in `logits` what their weights are made from.
  private func choose(_ mixture: Model.Mixture, _ logits: UnsafeMutablePointer<Float>) -> [Int] {
    let (count, chosenCount) = (mixture.experts.count, mixture.routing.expertsPerToken)
    func values() -> [Float] { unsafe Array(UnsafeBufferPointer(start: logits, count: count)) }
    switch mixture.routing.weights {
    case .softmaxOfChosen, .sigmoidOnInput: return best(chosenCount, of: values())
    case .softmaxOfAll:
      let chosen = best(chosenCount, of: values())
      unsafe alora_softmax(isa, logits, logits, count)
      return chosen
    case .scores(let scores):
      switch scores.function {
      case .sigmoid: unsafe alora_sigmoid(isa, logits, logits, count)
      case .softmax: unsafe alora_softmax(isa, logits, logits, count)
      }
      var corrected = values()
      if let correction = mixture.correction {
        for index in corrected.indices { unsafe corrected[index] += correction.base[index] }
      }
      return best(chosenCount, of: corrected, among: experts(ofBestGroups: scores, corrected))
    }
  }

  /// The numbers of the experts in the best groups.
  private func experts(ofBestGroups scores: ExpertScores, _ corrected: [Float]) -> [Int] {
    guard scores.groupCount > 1 else { return Array(corrected.indices) }
    let size = corrected.count / scores.groupCount
    let values = (0..<scores.groupCount).map { group in
      best(2, of: corrected, among: Array((group * size)..<((group + 1) * size))).reduce(0) { $0 + corrected[$1] }
    }
    return best(scores.groupsPerToken, of: values).sorted().flatMap { ($0 * size)..<(($0 + 1) * size) }
  }

  /// The `count` items with the greatest scores, the greatest first; of equal ones the lower number first. No item comes
  /// twice, and NaN is less than any number.
  ///
  /// - Parameter candidates: the numbers of the items to choose from, in order; nil for all.
  private func best(_ count: Int, of scores: [Float], among candidates: [Int]? = nil) -> [Int] {
    let candidates = candidates ?? Array(scores.indices)
    var chosen: [Int] = []
    for _ in 0..<count {
      var best: Int?
      for item in candidates where !chosen.contains(item) {
        guard let current = best else {
          best = item
          continue
        }
        if scores[item] > scores[current] || (scores[current].isNaN && !scores[item].isNaN) { best = item }
      }
      if let best { chosen.append(best) }
    }
    return chosen
  }
}

extension ExpertScores {
  /// Makes weights of the chosen experts' scores, the best first.
  fileprivate func weigh(_ chosen: UnsafeMutableBufferPointer<Float>) {
    let sum = unsafe chosen.reduce(0, +)
    let divisor: Float =
      switch normalization {
      case nil: 1
      case .sumPlus(let number): sum + number
      case .sumAtLeast(let number): max(sum, number)
      }
    for index in chosen.indices {
      if normalization != nil { unsafe chosen[index] /= divisor }
      if scale != 1 { unsafe chosen[index] *= scale }
    }
  }
}
