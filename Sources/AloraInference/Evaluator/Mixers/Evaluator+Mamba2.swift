internal import AloraModels
internal import CAloraKernels

/// All layers of a model have one shape, so the buffers' columns are the layer's.
extension Evaluator {
  /// Mamba 2 of all rows up to the scan's output, and the states after them. What ``finish(_:_:_:)`` needs is left in the
  /// pass's buffers.
  func scan(_ mamba: Model.Mamba2, _ layer: Int, _ input: Rows, _ pass: Pass) {
    let projected = pass.recurrent.projected
    multiply(input, [Product(matrix: mamba.input, slot: .layer(.stateInput), output: projected)], layer, pass)
    guard let place = model.recurrentLayout.layers[layer] else { return }
    let parts = mamba.shape.multipliedParts
    if !parts.isEmpty {
      let isa = isa
      forEachRow(pass.rowCount) { rows in
        for row in rows {
          for part in parts {
            let first = unsafe projected[row] + part.columns.lowerBound
            unsafe alora_scale_by(isa, part.factor, first, first, part.columns.count)
          }
        }
      }
    }
    for segment in pass.segments {
      for stage in segment.stages {
        prepare(mamba, place, stage, pass)
        keepHistory(place, stage, of: projected, firstColumn: mamba.shape.innerCount)
      }
    }
    scanHeads(mamba, place, pass)
  }

  /// The gated norm and the output projection of rows that were scanned.
  func finish(_ mamba: Model.Mamba2, _ layer: Int, _ pass: Pass) {
    let (isa, shape, scanned) = (isa, mamba.shape, pass.recurrent.scanned)
    let group = shape.innerCount / shape.groupCount
    forEachRow(pass.rowCount, packing: scanned, in: pass) { rows in
      for row in rows {
        let (gate, y) = unsafe (pass.recurrent.projected[row], scanned[row])
        if shape.isGated && !shape.normsBeforeGate { unsafe alora_silu_multiply(isa, gate, y, y, shape.innerCount) }
        if let norm = mamba.norm {
          for first in stride(from: 0, to: shape.innerCount, by: group) {
            unsafe alora_rms_norm(
              isa, y + first, group, norm.base + first, mamba.normEpsilon, y + first, group, 1, group)
          }
        }
        if shape.isGated && shape.normsBeforeGate { unsafe alora_silu_multiply(isa, gate, y, y, shape.innerCount) }
      }
    }
    multiply(scanned, [Product(matrix: mamba.output, slot: .layer(.stateOutput), output: pass.output)], layer, pass)
  }

  /// The convolution, the time steps and the decays of a stage's rows.
  private func prepare(_ mamba: Model.Mamba2, _ place: RecurrentLayout.Layer, _ stage: RecurrentStage, _ pass: Pass) {
    let (isa, shape, buffers) = (isa, mamba.shape, pass.recurrent)
    let (projected, convolved) = (buffers.projected, buffers.convolved)
    let (firstRow, limits) = (stage.rows.lowerBound, shape.stepLimits)
    let history = unsafe history(place, stage)
    forEachRow(stage.rows.count) { rows in
      unsafe alora_convolve(
        isa, projected[firstRow] + shape.innerCount, projected.columnCount, history, mamba.convolution.base,
        mamba.convolutionBias?.base, shape.kernelSize, shape.channelCount, 1, rows.lowerBound, rows.count,
        convolved[firstRow], convolved.columnCount)
      let first = firstRow + rows.lowerBound
      let (steps, decays) = unsafe (buffers.steps[first], buffers.decays[first])
      unsafe alora_time_steps(
        projected[first] + shape.innerCount + shape.channelCount, projected.columnCount, mamba.stepBias.base,
        mamba.decay.base, limits.lowerBound, limits.upperBound, rows.count, shape.headCount, steps, decays)
      unsafe alora_exp(isa, decays, decays, rows.count * shape.headCount)
    }
  }

  /// Each task is one head of one text, from stage to stage.
  private func scanHeads(_ mamba: Model.Mamba2, _ place: RecurrentLayout.Layer, _ pass: Pass) {
    let (isa, shape, buffers) = (isa, mamba.shape, pass.recurrent)
    let (convolved, scanned) = (buffers.convolved, buffers.scanned)
    let segments = pass.segments
    let headsPerGroup = shape.headCount / shape.groupCount
    pool.run(tasks: segments.count * shape.headCount) { _, task in
      let (segment, head) = (segments[task / shape.headCount], task % shape.headCount)
      let channel = head * shape.headDimension
      let b = shape.innerCount + head / headsPerGroup * shape.stateSize
      let c = b + shape.groupCount * shape.stateSize
      let offset = place.headOffset + head * place.headFloatCount
      for stage in segment.stages {
        let row = stage.rows.lowerBound
        let x = unsafe convolved[row]
        var scan = unsafe alora_scan(
          head_dim: shape.headDimension, state_size: shape.stateSize, token_count: stage.rows.count, x: x + channel,
          x_stride: convolved.columnCount, b: x + b, c: x + c, bc_stride: convolved.columnCount,
          steps: buffers.steps[row] + head, decays: buffers.decays[row] + head, step_stride: shape.headCount,
          skip: mamba.skip.base[head], y: scanned[row] + channel, y_stride: scanned.columnCount)
        let to = unsafe stage.to.memory.base + offset
        unsafe alora_scan_head(
          isa, &scan, stage.from.map { unsafe UnsafePointer($0.memory.base + offset) } ?? UnsafePointer(to), to)
      }
    }
  }
}
