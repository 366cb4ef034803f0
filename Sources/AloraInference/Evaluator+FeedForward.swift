internal import AloraModels
internal import CAloraKernels

extension Evaluator {
  private var h: Hyperparameters { model.graph.base.hyperparameters }

  /// The feed-forward network of a layer, of `pass.normed` into `pass.output`.
  func feedForward(_ layer: Int, _ pass: Pass) {
    let weights = model.layers[layer]
    guard let router = weights.router else {
      if let network = weights.feedForward { unsafe run(network, layer, pass, into: pass.output) }
      return
    }
    // The experts' sum comes first, then what all tokens share is added to it.
    runExperts(router, weights.experts, layer, pass)
    guard let network = weights.feedForward else { return }
    let (hidden, count, isa) = (h.hiddenSize, pass.rowCount, isa)
    let shared = unsafe pass.experts
    // The tiles were overwritten by the experts' rows.
    unsafe rows(count, packing: pass.normed, columns: hidden, into: pass.packed) { _, _ in }
    unsafe run(network, layer, pass, into: shared)
    unsafe rows(count, packing: nil, columns: 0, into: pass.packed) { _, rows in
      let at = rows.lowerBound * hidden
      unsafe alora_add(isa, pass.output + at, shared + at, pass.output + at, rows.count * hidden)
    }
  }

  /// down · (act(gate · x) * (up · x)) of all rows, with the adapters' changes.
  private func run(_ network: Model.FeedForward, _ layer: Int, _ pass: Pass, into output: UnsafeMutablePointer<Float>) {
    let (width, count) = (network.gate.rowCount, pass.rowCount)
    unsafe multiply(
      pass.normed, packed: pass.packed, columns: h.hiddenSize, rowCount: count,
      [
        Product(matrix: network.gate, slot: .layer(.gate), output: pass.gate, stride: width),
        Product(matrix: network.up, slot: .layer(.up), output: pass.up, stride: width),
      ], segments: pass.segments, layer: layer)
    unsafe activate(pass.gate, pass.up, width: width, rowCount: count, packed: pass.packed)
    unsafe multiply(
      pass.gate, packed: pass.packed, columns: width, rowCount: count,
      [Product(matrix: network.down, slot: .layer(.down), output: output, stride: h.hiddenSize)],
      segments: pass.segments,
      layer: layer)
  }

  /// gate = act(gate) * up, in place and in tiles.
  private func activate(
    _ gate: UnsafeMutablePointer<Float>, _ up: UnsafeMutablePointer<Float>, width: Int, rowCount: Int,
    packed: UnsafeMutablePointer<Float>
  ) {
    let (isa, activation) = (isa, model.graph.parameters.activation)
    unsafe rows(rowCount, packing: gate, columns: width, into: packed) { _, rows in
      let (at, count) = (rows.lowerBound * width, rows.count * width)
      switch activation {
      case .silu: unsafe alora_silu_multiply(isa, gate + at, up + at, gate + at, count)
      case .geluTanh: unsafe alora_gelu_tanh_multiply(isa, gate + at, up + at, gate + at, count)
      }
    }
  }

  /// The mixture of experts: each token's best few by the router's logits, the lower number first where two are equal,
  /// weighted by the softmax of these logits. Contributions are added in the order of the experts' numbers.
  private func runExperts(_ router: WeightMatrix, _ experts: [Model.FeedForward], _ layer: Int, _ pass: Pass) {
    let (hidden, count, isa) = (h.hiddenSize, pass.rowCount, isa)
    let (expertCount, chosenCount) = (h.expertCount, min(h.expertsPerToken, h.expertCount))
    let gathered = unsafe pass.experts
    let produced = unsafe gathered + count * hidden
    let logits = unsafe produced + count * hidden
    let weights = unsafe logits + count * expertCount
    unsafe multiply(
      pass.normed, packed: pass.packed, columns: hidden, rowCount: count,
      [Product(matrix: router, slot: .layer(.router), output: logits, stride: expertCount)], segments: pass.segments,
      layer: layer)
    var tokensOfExpert = [[(row: Int, place: Int)]](repeating: [], count: expertCount)
    for row in 0..<count {
      let scores = unsafe Array(UnsafeBufferPointer(start: logits + row * expertCount, count: expertCount))
      for (place, expert) in bestExperts(scores, chosenCount).enumerated() {
        unsafe weights[row * chosenCount + place] = scores[expert]
        tokensOfExpert[expert].append((row, row * chosenCount + place))
      }
      let chosen = unsafe weights + row * chosenCount
      if chosenCount > 0 { unsafe alora_softmax(isa, chosen, chosen, chosenCount) }
    }
    unsafe pass.output.update(repeating: 0, count: count * hidden)
    for (expert, tokens) in zip(experts, tokensOfExpert) where !tokens.isEmpty {
      let width = expert.gate.rowCount
      unsafe rows(tokens.count, packing: gathered, columns: hidden, into: pass.packed) { _, rows in
        for index in rows {
          unsafe (gathered + index * hidden).update(from: pass.normed + tokens[index].row * hidden, count: hidden)
        }
      }
      unsafe multiply(
        gathered, packed: pass.packed, columns: hidden, rowCount: tokens.count,
        [
          Product(matrix: expert.gate, slot: .none, output: pass.gate, stride: width),
          Product(matrix: expert.up, slot: .none, output: pass.up, stride: width),
        ], segments: [], layer: layer)
      unsafe activate(pass.gate, pass.up, width: width, rowCount: tokens.count, packed: pass.packed)
      unsafe multiply(
        pass.gate, packed: pass.packed, columns: width, rowCount: tokens.count,
        [Product(matrix: expert.down, slot: .none, output: produced, stride: hidden)], segments: [], layer: layer)
      unsafe rows(tokens.count, packing: nil, columns: 0, into: pass.packed) { _, rows in
        for index in rows {
          let token = tokens[index]
          unsafe alora_add_scaled(
            isa, weights[token.place], produced + index * hidden, pass.output + token.row * hidden, hidden)
        }
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
