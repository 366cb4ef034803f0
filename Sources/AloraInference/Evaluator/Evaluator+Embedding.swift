internal import AloraModels
internal import CAloraKernels

extension Evaluator {
  /// The tokens that a segment's rows are computed for: control tokens have substitutes.
  private func tokens(of segment: Segment) -> [Int] {
    let first = segment.firstPosition
    let written = segment.sequence.tokens[first..<(first + segment.rows.count)]
    guard let substitutes = model.source.controlTokens?.substitutes, !substitutes.isEmpty else {
      return Array(written)
    }
    return written.map { substitutes[$0] ?? $0 }
  }

  /// Rows of the token embedding, with the adapter's updates.
  func embed(_ pass: Pass) throws {
    let hidden = pass.hidden.columnCount
    let scale = model.graph.parameters.embeddingScale
    let rowBytes = model.embedding.rowByteCount
    let raw = UnsafeMutableRawPointer.allocate(byteCount: max(rowBytes, 16), alignment: 16)
    defer { unsafe raw.deallocate() }
    for segment in pass.segments {
      let tokens = tokens(of: segment)
      let update = segment.sequence.adapter?.embedding
      for row in segment.rows {
        let token = tokens[row - segment.rows.lowerBound]
        let target = unsafe pass.hidden[row]
        try unsafe model.embedding.read(token..<(token + 1), into: raw, scratch: raw)
        unsafe alora_dequantize(model.embeddingType, raw, target, hidden)
        if let update, row >= segment.firstActiveRow {
          let a = unsafe update.a.base + token * update.rank
          for index in 0..<hidden {
            var sum: Float = 0
            let b = unsafe update.b.base + index * update.rank
            for r in 0..<update.rank { sum = unsafe sum.addingProduct(a[r], b[r]) }
            unsafe target[index] = unsafe target[index].addingProduct(update.scale, sum)
          }
        }
        if scale != 1 { unsafe alora_scale_by(isa, scale, target, target, hidden) }
      }
    }
  }

  /// What layers read beside the stream, for all rows and layers.
  ///
  /// - Throws: ``FileError``.
  func layerInputs(_ pass: Pass) throws {
    guard let inputs = model.layerInputs, let table = model.layerInputTable else { return }
    let rows = pass.layerInputs
    pack(pass.hidden, count: pass.rowCount, in: pass)
    multiply(
      pass.hidden, [Product(matrix: inputs.projection, slot: .none, output: rows)], rowCount: pass.rowCount, pass)
    let isa = isa
    forEachRow(pass.rowCount) { part in
      let first = unsafe rows[part.lowerBound]
      unsafe alora_scale_by(isa, inputs.projectionScale, first, first, part.count * rows.columnCount)
      self.normalize(rows, inputs.norm, into: rows, part)
    }
    let type = try table.kernelType()
    let raw = UnsafeMutableRawPointer.allocate(byteCount: max(table.rowByteCount, 16), alignment: 16)
    defer { unsafe raw.deallocate() }
    let row = FloatBuffer(count: rows.columnCount, isZeroed: false)
    for segment in pass.segments {
      for (token, index) in zip(tokens(of: segment), segment.rows) {
        let source = inputs.shape.row(ofToken: token)
        try unsafe table.read(source..<(source + 1), into: raw, scratch: raw)
        unsafe alora_dequantize(type, raw, row.base, rows.columnCount)
        let target = unsafe rows[index]
        unsafe alora_scale_by(isa, inputs.tableScale, row.base, row.base, rows.columnCount)
        unsafe alora_add(isa, target, row.base, target, rows.columnCount)
        unsafe alora_scale_by(isa, inputs.sumScale, target, target, rows.columnCount)
      }
    }
  }
}
