internal import AloraModels
internal import CAloraKernels

extension Evaluator {
  /// A gated delta net of all rows up to the rule's output, and the states after them. What ``finish(_:_:_:)`` needs is left in
  /// the pass's buffers.
  func scan(_ delta: Model.GatedDelta, _ layer: Int, _ input: Rows, _ pass: Pass) {
    let buffers = pass.recurrent
    multiply(
      input,
      [
        Product(matrix: delta.mixed, slot: .layer(.mixed), output: buffers.projected),
        Product(matrix: delta.gate, slot: .layer(.outputGate), output: buffers.gated),
        Product(matrix: delta.beta, slot: .layer(.beta), output: buffers.betas),
        Product(matrix: delta.alpha, slot: .layer(.alpha), output: buffers.alphas),
      ], layer, pass)
    guard let place = model.recurrentLayout.layers[layer] else { return }
    for stage in pass.segments.flatMap(\.stages) {
      prepare(delta, place, stage, pass)
      keepHistory(place, stage, of: buffers.projected)
    }
    runHeads(delta, place, pass)
  }

  /// The gated norm of each head and the output projection of rows that were scanned.
  func finish(_ delta: Model.GatedDelta, _ layer: Int, _ pass: Pass) {
    let (isa, scanned, gates) = (isa, pass.recurrent.scanned, pass.recurrent.gated)
    let shape = delta.shape
    forEachRow(pass.rowCount, packing: scanned, in: pass) { rows in
      let (gate, y) = unsafe (gates[rows.lowerBound], scanned[rows.lowerBound])
      let count = rows.count * scanned.columnCount
      if shape.isGated && !shape.normsBeforeGate { unsafe alora_silu_multiply(isa, gate, y, y, count) }
      self.normalize(scanned, delta.norm, into: scanned, rows)
      if shape.isGated && shape.normsBeforeGate { unsafe alora_silu_multiply(isa, gate, y, y, count) }
    }
    multiply(scanned, [Product(matrix: delta.output, slot: .layer(.stateOutput), output: pass.output)], layer, pass)
  }

  /// The convolution, queries and keys of length 1, and the gates of a stage's rows.
  private func prepare(
    _ delta: Model.GatedDelta, _ place: RecurrentLayout.Layer, _ stage: RecurrentStage, _ pass: Pass
  ) {
    let (isa, shape, buffers) = (isa, delta.shape, pass.recurrent)
    let (projected, convolved) = (buffers.projected, buffers.convolved)
    let (history, firstRow) = unsafe (history(place, stage), stage.rows.lowerBound)
    let (heads, dimension) = (shape.keyHeadCount, shape.keyDimension)
    let scale = 1 / Float(dimension).squareRoot()
    forEachRow(stage.rows.count) { rows in
      unsafe alora_convolve(
        isa, projected[firstRow], projected.columnCount, history, delta.convolution.base, nil, shape.kernelSize,
        shape.channelCount, 1, rows.lowerBound, rows.count, convolved[firstRow], convolved.columnCount)
      let first = firstRow + rows.lowerBound
      for row in first..<(first + rows.count) {
        let (q, k) = unsafe (convolved[row], convolved[row] + shape.keyCount)
        unsafe alora_l2_norm(isa, q, dimension, Self.lengthEpsilon, scale, q, dimension, heads, dimension)
        unsafe alora_l2_norm(isa, k, dimension, Self.lengthEpsilon, 1, k, dimension, heads, dimension)
      }
      let (betas, alphas) = unsafe (buffers.betas[first], buffers.alphas[first])
      let (steps, decays) = unsafe (buffers.steps[first], buffers.decays[first])
      let count = rows.count * shape.valueHeadCount
      unsafe alora_sigmoid(isa, betas, betas, count)
      unsafe alora_time_steps(
        alphas, shape.valueHeadCount, delta.stepBias.base, delta.decay.base, 0, .infinity, rows.count,
        shape.valueHeadCount, steps, decays)
      unsafe alora_exp(isa, decays, decays, count)
    }
  }

  /// What the squared length of a query or a key is increased by.
  private static var lengthEpsilon: Float { 1e-6 }

  /// Each task is one head of values of one text, from stage to stage.
  private func runHeads(_ delta: Model.GatedDelta, _ place: RecurrentLayout.Layer, _ pass: Pass) {
    let (isa, shape, buffers) = (isa, delta.shape, pass.recurrent)
    let (convolved, scanned) = (buffers.convolved, buffers.scanned)
    let (segments, headCount) = (pass.segments, shape.valueHeadCount)
    pool.run(tasks: segments.count * headCount) { _, task in
      let (segment, head) = (segments[task / headCount], task % headCount)
      let key = shape.keyHead(of: head) * shape.keyDimension
      let value = 2 * shape.keyCount + head * shape.valueDimension
      let offset = place.headOffset + head * place.headFloatCount
      for stage in segment.stages {
        let row = stage.rows.lowerBound
        let x = unsafe convolved[row]
        var rule = unsafe alora_delta(
          head_dim: shape.valueDimension, key_dim: shape.keyDimension, token_count: stage.rows.count, q: x + key,
          k: x + shape.keyCount + key, qk_stride: convolved.columnCount, v: x + value,
          v_stride: convolved.columnCount, betas: buffers.betas[row] + head, decays: buffers.decays[row] + head,
          gate_stride: headCount, y: scanned[row] + head * shape.valueDimension, y_stride: scanned.columnCount)
        let to = unsafe stage.to.memory.base + offset
        unsafe alora_delta_head(
          isa, &rule, stage.from.map { unsafe UnsafePointer($0.memory.base + offset) } ?? UnsafePointer(to), to)
      }
    }
  }
}
