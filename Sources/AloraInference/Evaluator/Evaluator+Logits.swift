internal import AloraModels
internal import CAloraKernels

extension Evaluator {
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
    let (parameters, count) = (model.graph.parameters, pass.rowCount)
    let logits = unsafe Rows(output, columnCount: model.vocabularySize)
    let (isa, model) = (isa, model)
    let isSingle = model.streams == nil
    if !isSingle {
      forEachRow(count) { rows in self.addOutput(of: model.blocks.last?.block, rows, pass) }
      leaveStreams(pass)
    }
    forEachRow(count, packing: pass.normed, in: pass) { rows in
      if isSingle { self.addOutput(of: model.blocks.last?.block, rows, pass) }
      self.normalize(pass.hidden, model.finalNorm, into: pass.normed, rows)
    }
    multiply(pass.normed, [Product(matrix: model.output, slot: .outputLayer, output: logits)], 0, pass)
    let (divisor, factor, cap) = (parameters.logitDivisor, parameters.logitFactor, parameters.logitSoftCap)
    guard divisor != 1 || factor != 1 || cap != nil else { return }
    forEachRow(count) { rows in
      let values = unsafe logits[rows.lowerBound]
      let valueCount = rows.count * logits.columnCount
      if divisor != 1 { for index in 0..<valueCount { unsafe values[index] /= divisor } }
      if factor != 1 { unsafe alora_scale_by(isa, factor, values, values, valueCount) }
      if let cap { unsafe alora_soft_cap(isa, cap, values, values, valueCount) }
    }
  }
}
