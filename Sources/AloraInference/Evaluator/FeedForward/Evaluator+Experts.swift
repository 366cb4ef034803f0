internal import AloraModels
internal import CAloraKernels

extension Evaluator {
  /// A mixture of experts, of `input` into `pass.output`. The experts' sum comes first, then what all tokens share is
  /// added to it.
  func run(_ mixture: Model.Mixture, _ layer: Int, _ input: Rows, _ pass: Pass) {
    let tokensOfExpert = route(mixture, layer, input, pass)
    let (hidden, isa) = (pass.output.columnCount, isa)
    unsafe pass.output.base.update(repeating: 0, count: pass.rowCount * hidden)
    for (expert, tokens) in zip(mixture.experts, tokensOfExpert) where !tokens.isEmpty {
      run(expert, tokens, input, pass)
    }
    guard let shared = mixture.shared else { return }
    // The experts' rows have taken the place of the tiles.
    pack(input, count: pass.rowCount, in: pass)
    let sharedOutput = pass.experts.gathered
    run(shared, layer, input, pass, into: sharedOutput)
    forEachRow(pass.rowCount) { rows in
      let output = unsafe pass.output[rows.lowerBound]
      unsafe alora_add(isa, output, sharedOutput[rows.lowerBound], output, rows.count * hidden)
    }
  }

  /// A token that an expert computes, and the place of its weight.
  private typealias RoutedToken = (row: Int, place: Int)

  /// Each token's best few experts by the router's logits, the lower number first if two are equal, weighted by the
  /// softmax of these logits.
  ///
  /// - Returns: for each expert, its tokens.
  private func route(_ mixture: Model.Mixture, _ layer: Int, _ input: Rows, _ pass: Pass) -> [[RoutedToken]] {
    let (expertCount, chosenCount) = (mixture.experts.count, mixture.routing.expertsPerToken)
    let logits = pass.experts.logits.with(columnCount: expertCount)
    let weights = pass.experts.weights.with(columnCount: chosenCount)
    multiply(input, [Product(matrix: mixture.router, slot: .layer(.router), output: logits)], layer, pass)
    var tokensOfExpert = [[RoutedToken]](repeating: [], count: expertCount)
    for row in 0..<pass.rowCount {
      let scores = unsafe Array(UnsafeBufferPointer(start: logits[row], count: expertCount))
      let chosen = unsafe weights[row]
      for (place, expert) in bestExperts(scores, chosenCount).enumerated() {
        unsafe chosen[place] = scores[expert]
        tokensOfExpert[expert].append((row, row * chosenCount + place))
      }
      if chosenCount > 0 { unsafe alora_softmax(isa, chosen, chosen, chosenCount) }
    }
    return tokensOfExpert
  }

  /// One expert's tokens. Contributions are added in the order of the experts' numbers.
  private func run(_ expert: Model.Network, _ tokens: [RoutedToken], _ input: Rows, _ pass: Pass) {
    let (hidden, width, isa) = (input.columnCount, expert.gate.rowCount, isa)
    let (gathered, produced, weights) = (pass.experts.gathered, pass.experts.produced, pass.experts.weights)
    let (gate, up) = (pass.gate.with(columnCount: width), pass.up.with(columnCount: width))
    forEachRow(tokens.count, packing: gathered, in: pass) { rows in
      for index in rows { unsafe gathered[index].update(from: input[tokens[index].row], count: hidden) }
    }
    multiply(
      gathered,
      [
        Product(matrix: expert.gate, slot: .none, output: gate), Product(matrix: expert.up, slot: .none, output: up),
      ], rowCount: tokens.count, pass)
    activate(gate, up, expert.activation, count: tokens.count, pass)
    multiply(
      gate, [Product(matrix: expert.down, slot: .none, output: produced)], rowCount: tokens.count, pass)
    forEachRow(tokens.count) { rows in
      for index in rows {
        let token = tokens[index]
        unsafe alora_add_scaled(isa, weights.base[token.place], produced[index], pass.output[token.row], hidden)
      }
    }
  }

  /// The `count` experts with the greatest scores, the greatest first; of equal ones the lower number first. No expert
  /// comes twice, and NaN is less than any number.
  private func bestExperts(_ scores: [Float], _ count: Int) -> [Int] {
    var chosen: [Int] = []
    for _ in 0..<count {
      var best: Int?
      for expert in scores.indices where !chosen.contains(expert) {
        guard let current = best else {
          best = expert
          continue
        }
        if scores[expert] > scores[current] || (scores[current].isNaN && !scores[expert].isNaN) { best = expert }
      }
      if let best { chosen.append(best) }
    }
    return chosen
  }
}
