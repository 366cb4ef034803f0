internal import AloraArchitectures
internal import CAloraKernels

extension Evaluator {
  /// The end of the graph, for the rows that are asked for and no others.
  func logits(_ pass: Pass, _ work: [Work]) -> [Logits] {
    var selected: [Int] = []
    var segments: [Segment] = []
    for (item, segment) in zip(work, pass.segments) {
      let count = item.tokens.count
      let wanted: Range<Int> =
        switch item.logits {
        case .none: 0..<0
        case .last: (count - 1)..<count
        case .all: 0..<count
        case .rows(let rows): rows.clamped(to: 0..<count)
        }
      let first = selected.count
      selected += wanted.map { segment.rows.lowerBound + $0 }
      let active = wanted.count { segment.rows.lowerBound + $0 < segment.firstActiveRow }
      segments.append(
        Segment(
          sequence: segment.sequence, rows: first..<selected.count,
          firstPosition: segment.firstPosition + wanted.lowerBound, firstActiveRow: first + active))
    }
    let vocabulary = model.vocabularySize
    guard !selected.isEmpty else {
      return segments.map {
        Logits(
          positions: $0.firstPosition..<$0.firstPosition, vocabularySize: vocabulary, values: [])
      }
    }
    let all = unsafe [Float](unsafeUninitializedCapacity: selected.count * vocabulary) { buffer, count in
      if let base = buffer.baseAddress { unsafe outputLayer(pass, selected, segments, into: base) }
      count = selected.count * vocabulary
    }
    return segments.map { segment in
      let positions = segment.firstPosition..<(segment.firstPosition + segment.rows.count)
      let isWhole = segment.rows.count == selected.count
      let part = (segment.rows.lowerBound * vocabulary)..<(segment.rows.upperBound * vocabulary)
      return Logits(positions: positions, vocabularySize: vocabulary, values: isWhole ? all : Array(all[part]))
    }
  }

  private func outputLayer(
    _ pass: Pass, _ selected: [Int], _ segments: [Segment], into output: UnsafeMutablePointer<Float>
  ) {
    let parameters = model.graph.parameters
    let (hidden, vocabulary, count) = (
      model.graph.base.hyperparameters.hiddenSize, model.vocabularySize, selected.count
    )
    let (isa, model) = (isa, model)
    let last = model.layers.last
    unsafe rows(count, packing: pass.normed, columns: hidden, into: pass.packed) { _, rows in
      for row in rows {
        let source = selected[row]
        self.addResidual(pass, source..<(source + 1), norm: last?.postFeedForwardNorm)
        unsafe alora_rms_norm(
          isa, pass.hidden + source * hidden, hidden, model.finalNorm.base, parameters.normEpsilon,
          pass.normed + row * hidden, hidden, 1, hidden)
      }
    }
    unsafe multiply(
      pass.normed, packed: pass.packed, columns: hidden, rowCount: count,
      [Product(matrix: model.output, slot: .outputLayer, output: output, stride: vocabulary)], segments: segments,
      layer: 0)
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
