internal import AloraModels
internal import CAloraKernels

extension Evaluator {
  /// A mixture of experts, of `input` into `pass.output`, whose sum begins with +0:
  ///
  ///     output = fma (weight, expert's output, output)     for the chosen experts, by their numbers; or, with weights on
  ///                                                        inputs, output + expert's output of (weight · input)
  ///     output = output + shared output                    or fma (σ (shared gate), shared output, output)
  func run(_ mixture: Model.Mixture, _ layer: Int, _ input: Rows, _ pass: Pass) {
    let (hidden, isa) = (pass.output.columnCount, isa)
    let tokensOfExpert: [[RoutedToken]]
    var read = input
    if let norms = mixture.norms {
      let routed = pass.experts.gathered
      read = pass.experts.input
      forEachRow(pass.rowCount, packing: routed, in: pass) { rows in
        self.normalize(pass.hidden, norms.router, into: routed, rows)
        let first = unsafe routed[rows.lowerBound]
        unsafe alora_scale_by(isa, norms.routerScale, first, first, rows.count * hidden)
        self.normalize(pass.hidden, norms.input, into: pass.experts.input, rows)
      }
      tokensOfExpert = route(mixture, layer, routed, pass)
    } else {
      tokensOfExpert = route(mixture, layer, input, pass)
    }
    unsafe pass.output.base.update(repeating: 0, count: pass.rowCount * hidden)
    for (number, tokens) in tokensOfExpert.enumerated() where !tokens.isEmpty {
      let isOnInput = mixture.routing.weights == .sigmoidOnInput
      run(mixture.experts[number], number, layer, tokens, isOnInput: isOnInput, read, pass)
    }
    if let norms = mixture.norms {
      forEachRow(pass.rowCount) { rows in self.normalize(pass.output, norms.output, into: pass.output, rows) }
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
      if let norms = mixture.norms { self.normalize(sharedOutput, norms.shared, into: sharedOutput, rows) }
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
}
