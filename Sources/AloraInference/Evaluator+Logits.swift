internal import AloraModels
internal import CAloraKernels

extension Evaluator {
  /// The last layer, whose output is only for the logits: all rows leave keys and values, and the rest is computed for the
  /// rows that logits are wanted for.
  ///
  /// - Parameter wanted: some consecutive rows of each segment.
  /// - Returns: a pass of the wanted rows alone.
  func runLastLayer(_ pass: Pass, wanted: [Range<Int>]) -> Pass {
    guard let layer = model.layers.indices.last else { return narrow(pass, to: wanted) }
    guard wanted.reduce(0, { $0 + $1.count }) < pass.rowCount else {
      run(layer: layer, pass)
      return pass
    }
    let hidden = model.graph.base.hyperparameters.hiddenSize
    normalize(layer, pass)
    project(keysAndValues(layer, pass), layer, pass)
    unsafe rows(pass.rowCount, packing: nil, columns: 0, into: pass.packed) { _, rows in
      self.rotateAndStoreKeys(layer, pass, rows)
    }
    let rest = narrow(pass, to: wanted)
    guard rest.rowCount > 0 else { return rest }
    rotaryTables(rest)
    unsafe rows(rest.rowCount, packing: rest.normed, columns: hidden, into: rest.packed) { _, _ in }
    project(queries(layer, rest), layer, rest)
    unsafe rows(rest.rowCount, packing: nil, columns: 0, into: rest.packed) { _, rows in
      self.rotateQueries(layer, rest, rows)
    }
    attendAndFeedForward(layer, rest)
    return rest
  }

  /// Moves the hidden and the normed rows that are wanted to the front, in their order.
  private func narrow(_ pass: Pass, to wanted: [Range<Int>]) -> Pass {
    let hidden = model.graph.base.hyperparameters.hiddenSize
    var rest = pass
    (rest.segments, rest.rowCount) = ([], 0)
    for (segment, rows) in zip(pass.segments, wanted) {
      let first = rest.rowCount
      for (index, row) in rows.enumerated() where row > first + index {
        // To the front only, so over no row that is still to be moved.
        let (source, target) = (row * hidden, (first + index) * hidden)
        unsafe (pass.hidden + target).update(from: pass.hidden + source, count: hidden)
        unsafe (pass.normed + target).update(from: pass.normed + source, count: hidden)
      }
      rest.rowCount += rows.count
      let active = min(max(segment.firstActiveRow, rows.lowerBound), rows.upperBound) - rows.lowerBound
      rest.segments.append(
        Segment(
          sequence: segment.sequence, rows: first..<rest.rowCount,
          firstPosition: segment.firstPosition + rows.lowerBound - segment.rows.lowerBound,
          firstActiveRow: first + active))
    }
    return rest
  }

  /// The end of the graph.
  func logits(_ pass: Pass) -> [Logits] {
    let (vocabulary, rowCount) = (model.vocabularySize, pass.rowCount)
    let all = unsafe [Float](unsafeUninitializedCapacity: rowCount * vocabulary) { buffer, count in
      if let base = buffer.baseAddress, rowCount > 0 { unsafe outputLayer(pass, into: base) }
      count = rowCount * vocabulary
    }
    return pass.segments.map { segment in
      let positions = segment.firstPosition..<(segment.firstPosition + segment.rows.count)
      let isWhole = segment.rows.count == rowCount
      let part = (segment.rows.lowerBound * vocabulary)..<(segment.rows.upperBound * vocabulary)
      return Logits(positions: positions, vocabularySize: vocabulary, values: isWhole ? all : Array(all[part]))
    }
  }

  private func outputLayer(_ pass: Pass, into output: UnsafeMutablePointer<Float>) {
    let parameters = model.graph.parameters
    let (hidden, vocabulary, count) = (
      model.graph.base.hyperparameters.hiddenSize, model.vocabularySize, pass.rowCount
    )
    let (isa, model) = (isa, model)
    let last = model.layers.last
    unsafe rows(count, packing: pass.normed, columns: hidden, into: pass.packed) { _, rows in
      if let last { self.addResidual(pass, rows, norm: last.postFeedForwardNorm) }
      let at = rows.lowerBound * hidden
      unsafe alora_rms_norm(
        isa, pass.hidden + at, hidden, model.finalNorm.base, parameters.normEpsilon, pass.normed + at, hidden,
        rows.count, hidden)
    }
    unsafe multiply(
      pass.normed, packed: pass.packed, columns: hidden, rowCount: count,
      [Product(matrix: model.output, slot: .outputLayer, output: output, stride: vocabulary)],
      segments: pass.segments, layer: 0)
    let (divisor, cap) = (parameters.logitDivisor, parameters.logitSoftCap)
    guard divisor != 1 || cap != nil else { return }
    unsafe rows(count, packing: nil, columns: 0, into: pass.packed) { _, rows in
      let values = unsafe output + rows.lowerBound * vocabulary
      let valueCount = rows.count * vocabulary
      if divisor != 1 { for index in 0..<valueCount { unsafe values[index] /= divisor } }
      if let cap { unsafe alora_soft_cap(isa, cap, values, values, valueCount) }
    }
  }
}
