internal import AloraModels
internal import CAloraKernels

extension Evaluator {
  /// A short convolution of all rows with both of its gates, and the states after them.
  func scan(_ mixer: Model.ShortConvolution, _ layer: Int, _ input: Rows, _ pass: Pass) {
    let (isa, buffers, count) = (isa, pass.recurrent, mixer.shape.channelCount)
    let (projected, gated, convolved, scanned) = (
      buffers.projected, buffers.gated, buffers.convolved, buffers.scanned
    )
    multiply(
      input, [Product(matrix: mixer.input, slot: .layer(.convolutionInput), output: projected)], layer, pass)
    guard let place = model.recurrentLayout.layers[layer] else { return }
    forEachRow(pass.rowCount) { rows in
      for row in rows { unsafe alora_multiply(isa, projected[row], projected[row] + 2 * count, gated[row], count) }
    }
    for stage in pass.segments.flatMap(\.stages) {
      let (history, firstRow) = unsafe (history(place, stage), stage.rows.lowerBound)
      forEachRow(stage.rows.count) { rows in
        unsafe alora_convolve(
          isa, gated[firstRow], gated.columnCount, history, mixer.convolution.base, mixer.convolutionBias?.base,
          mixer.shape.kernelSize, count, 0, rows.lowerBound, rows.count, convolved[firstRow], convolved.columnCount)
        for row in (firstRow + rows.lowerBound)..<(firstRow + rows.upperBound) {
          if mixer.shape.isGated {
            unsafe alora_multiply(isa, projected[row] + count, convolved[row], scanned[row], count)
          } else {
            unsafe scanned[row].update(from: convolved[row], count: count)
          }
        }
      }
      keepHistory(place, stage, of: gated)
    }
  }

  /// The output projection of rows that were scanned.
  func finish(_ mixer: Model.ShortConvolution, _ layer: Int, _ pass: Pass) {
    let scanned = pass.recurrent.scanned
    pack(scanned, count: pass.rowCount, in: pass)
    multiply(
      scanned, [Product(matrix: mixer.output, slot: .layer(.convolutionOutput), output: pass.output)], layer, pass)
  }
}
