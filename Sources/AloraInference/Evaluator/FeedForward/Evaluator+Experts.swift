internal import AloraModels
internal import CAloraKernels

extension Evaluator {
  /// A mixture of experts, of `input` into `pass.output`, whose sum begins with +0:
  ///
  ///     output = fma (weight, expert's output, output)     for the chosen experts, by their numbers; or, with weights on
  ///                                                        inputs, output + expert's output of (weight · input)
  ///     output = output + shared output                    or fma (σ (shared gate), shared output, output)
  func run(_ mixture: Model.Mixture, _ layer: Int, _ input: Rows, _ pass: Pass) {
    let tokensOfExpert = route(mixture, layer, input, pass)
    let (hidden, isa) = (pass.output.columnCount, isa)
    unsafe pass.output.base.update(repeating: 0, count: pass.rowCount * hidden)
    for (number, tokens) in tokensOfExpert.enumerated() where !tokens.isEmpty {
      let isOnInput = mixture.routing.weights == .sigmoidOnInput
      run(mixture.experts[number], number, layer, tokens, isOnInput: isOnInput, input, pass)
    }
    guard let shared = mixture.shared else { return }
    // The experts' rows have taken the place of the tiles.
    pack(input, count: pass.rowCount, in: pass)
    let sharedOutput = pass.experts.gathered
    let gate = pass.experts.logits.with(columnCount: 1)
    if let sharedGate = mixture.sharedGate {
      multiply(input, [Product(matrix: sharedGate, slot: .layer(.sharedGate), output: gate)], layer, pass)
    }
    run(shared, layer, input, pass, into: sharedOutput)
    forEachRow(pass.rowCount) { rows in
      let output = unsafe pass.output[rows.lowerBound]
      guard mixture.sharedGate != nil else {
        return unsafe alora_add(isa, output, sharedOutput[rows.lowerBound], output, rows.count * hidden)
      }
      for row in rows {
        unsafe alora_sigmoid(isa, gate[row], gate[row], 1)
        unsafe alora_add_scaled(isa, gate[row].pointee, sharedOutput[row], pass.output[row], hidden)
      }
    }
  }

  /// A token that an expert computes, and the place of its weight.
  typealias RoutedToken = (row: Int, place: Int)

  /// Each token's best few experts by the router's logits, the lower number first if two are equal. A softmax of the chosen
  /// logits sums them from the greatest on, one of all logits in the order of the experts' numbers.
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
      if mixture.routing.weights == .softmaxOfAll, expertCount > 0 {
        unsafe alora_softmax(isa, logits[row], logits[row], expertCount)
      }
      for (place, expert) in bestExperts(scores, chosenCount).enumerated() {
        unsafe chosen[place] = logits[row][expert]
        tokensOfExpert[expert].append((row, row * chosenCount + place))
      }
      guard chosenCount > 0 else { continue }
      switch mixture.routing.weights {
      case .softmaxOfAll: break
      case .softmaxOfChosen: unsafe alora_softmax(isa, chosen, chosen, chosenCount)
      case .sigmoidOnInput: unsafe alora_sigmoid(isa, chosen, chosen, chosenCount)
      }
    }
    return tokensOfExpert
  }

  /// One expert's tokens, which are in the order of their rows. Contributions are added in the order of the experts' numbers.
  ///
  /// - Parameter isOnInput: whether a token's weight is multiplied by what the expert reads, and not by what it gives.
  private func run(
    _ expert: Model.Network, _ number: Int, _ layer: Int, _ tokens: [RoutedToken], isOnInput: Bool, _ input: Rows,
    _ pass: Pass
  ) {
    let (hidden, width, isa) = (input.columnCount, expert.gate.rowCount, isa)
    let (gathered, produced, weights) = (pass.experts.gathered, pass.experts.produced, pass.experts.weights)
    let (gate, up) = (pass.gate.with(columnCount: width), pass.up.with(columnCount: width))
    forEachRow(tokens.count, packing: gathered, in: pass) { rows in
      for index in rows {
        let token = tokens[index]
        if isOnInput {
          unsafe alora_scale_by(isa, weights.base[token.place], input[token.row], gathered[index], hidden)
        } else {
          unsafe gathered[index].update(from: input[token.row], count: hidden)
        }
      }
    }
    let adapted = activeTokens(tokens, pass)
    func multiply(_ x: Rows, _ products: [Product]) {
      self.multiply(x, products, rowCount: tokens.count, pass)
      addUpdates(x, products, layer, adapted)
    }
    multiply(
      gathered,
      [
        Product(matrix: expert.gate, slot: .expert(.gateExperts, number), output: gate),
        Product(matrix: expert.up, slot: .expert(.upExperts, number), output: up),
      ])
    activate(gate, up, expert, count: tokens.count, pass)
    multiply(gate, [Product(matrix: expert.down, slot: .expert(.downExperts, number), output: produced)])
    forEachRow(tokens.count) { rows in
      for index in rows {
        let token = tokens[index]
        let weight = unsafe isOnInput ? 1 : weights.base[token.place]
        unsafe alora_add_scaled(isa, weight, produced[index], pass.output[token.row], hidden)
      }
    }
  }

  /// The adapters that are on for some of an expert's tokens, with these tokens' places among them.
  private func activeTokens(_ tokens: [RoutedToken], _ pass: Pass) -> [AdaptedRows] {
    pass.segments.compactMap { segment in
      guard let adapter = segment.sequence.adapter, !segment.activeRows.isEmpty,
        let first = tokens.firstIndex(where: { $0.row >= segment.firstActiveRow })
      else { return nil }
      let end = tokens[first...].firstIndex { $0.row >= segment.rows.upperBound } ?? tokens.count
      return first < end ? (adapter, first..<end) : nil
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
