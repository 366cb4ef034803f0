internal import AloraModels
internal import CAloraKernels

extension Evaluator {
  /// The least mean square that a stream is scaled by.
  private static let leastMagnitude: Float = 1e-5

  /// All parallel streams from the embedding. Each has its magnitude.
  func enterStreams(_ pass: Pass) {
    guard let streams = model.streams else { return }
    pack(pass.hidden, count: pass.rowCount, in: pass)
    multiply(
      pass.hidden,
      zip(streams.entries, pass.streams.dropFirst()).map { Product(matrix: $0, slot: .none, output: $1) },
      rowCount: pass.rowCount, pass)
    forEachRow(pass.rowCount) { rows in
      for stream in pass.streams.dropFirst() { self.match(stream, to: pass.hidden, rows) }
      self.copy(pass.hidden, to: pass.streams[0], rows)
    }
  }

  /// The mean of all streams, brought back and at the magnitude of the first, into the one that the output layer reads.
  func leaveStreams(_ pass: Pass) {
    guard let streams = model.streams else { return }
    let (isa, hidden) = (isa, pass.hidden)
    forEachRow(pass.rowCount) { rows in self.copy(pass.streams[0], to: hidden, rows) }
    for (matrix, stream) in zip(streams.exits, pass.streams.dropFirst()) {
      pack(stream, count: pass.rowCount, in: pass)
      multiply(
        stream, [Product(matrix: matrix, slot: .none, output: pass.output)], rowCount: pass.rowCount, pass)
      forEachRow(pass.rowCount) { rows in
        self.match(pass.output, to: pass.streams[0], rows)
        let sum = unsafe hidden[rows.lowerBound]
        unsafe alora_add(isa, sum, pass.output[rows.lowerBound], sum, rows.count * hidden.columnCount)
      }
    }
    forEachRow(pass.rowCount) { rows in
      let sum = unsafe hidden[rows.lowerBound]
      unsafe alora_scale_by(isa, 1 / Float(streams.count), sum, sum, rows.count * hidden.columnCount)
    }
  }

  func run(_ update: Model.StreamUpdate, _ layer: Int, _ pass: Pass) {
    guard let active = model.streams?.activeIndex else { preconditionFailure("a model with several streams") }
    switch update.step {
    case .prediction: predict(update, layer, active, pass)
    case .correction: correct(update, layer, active, pass)
    }
  }

  /// All streams before the layer's blocks, which read and change the active one.
  private func predict(_ update: Model.StreamUpdate, _ layer: Int, _ active: Int, _ pass: Pass) {
    let factors = factors(update, pass.streams[active], .streamPrediction, layer, pass)
    let (isa, count) = (isa, pass.streams.count)
    forEachRow(pass.rowCount) { rows in
      for (index, target) in pass.predictions.enumerated() {
        self.copy(pass.streams[index], to: target, rows)
        for row in rows {
          for (other, source) in pass.streams.enumerated() {
            let factor = unsafe factors[row][index * count + other]
            unsafe alora_add_scaled(isa, factor, source[row], target[row], target.columnCount)
          }
        }
      }
      self.copy(pass.predictions[active], to: pass.hidden, rows)
    }
  }

  /// All streams after the layer's blocks, by how the active one differs from its prediction.
  private func correct(_ update: Model.StreamUpdate, _ layer: Int, _ active: Int, _ pass: Pass) {
    let factors = factors(update, pass.hidden, .streamCorrection, layer, pass)
    let (isa, change) = (isa, pass.normed)
    forEachRow(pass.rowCount) { rows in
      self.copy(pass.hidden, to: change, rows)
      let first = unsafe change[rows.lowerBound]
      unsafe alora_add_scaled(
        isa, -1, pass.predictions[active][rows.lowerBound], first, rows.count * change.columnCount)
      for (index, target) in pass.streams.enumerated() {
        self.copy(pass.predictions[index], to: target, rows)
        for row in rows {
          unsafe alora_add_scaled(isa, factors[row][index] + 1, change[row], target[row], target.columnCount)
        }
      }
      self.copy(pass.streams[active], to: pass.hidden, rows)
    }
  }

  /// coefficients · tanh (router · (scale · norm (x)))
  private func factors(
    _ update: Model.StreamUpdate, _ x: Rows, _ kind: ModuleKind, _ layer: Int, _ pass: Pass
  ) -> Rows {
    let isa = isa
    let modalities = pass.modalities
    let factors = pass.streamFactors.with(columnCount: update.coefficients.rowCount)
    forEachRow(pass.rowCount, packing: pass.normed, in: pass) { rows in
      self.normalize(x, update.routerNorm, into: pass.normed, rows)
      let first = unsafe pass.normed[rows.lowerBound]
      unsafe alora_scale_by(isa, update.routerScale, first, first, rows.count * pass.normed.columnCount)
    }
    multiply(
      pass.normed, [Product(matrix: update.router, slot: .layer(.streamRouter), output: modalities)], layer, pass)
    forEachRow(pass.rowCount, packing: modalities, in: pass) { rows in
      let first = unsafe modalities[rows.lowerBound]
      unsafe alora_tanh(isa, first, first, rows.count * modalities.columnCount)
    }
    multiply(modalities, [Product(matrix: update.coefficients, slot: .layer(kind), output: factors)], layer, pass)
    return factors
  }

  private func match(_ x: Rows, to target: Rows, _ rows: Range<Int>) {
    let (first, width) = unsafe (x[rows.lowerBound], x.columnCount)
    unsafe alora_match_magnitude(
      isa, first, width, target[rows.lowerBound], width, Self.leastMagnitude, first, width, rows.count, width)
  }

  private func copy(_ x: Rows, to target: Rows, _ rows: Range<Int>) {
    unsafe target[rows.lowerBound].update(from: x[rows.lowerBound], count: rows.count * x.columnCount)
  }
}
