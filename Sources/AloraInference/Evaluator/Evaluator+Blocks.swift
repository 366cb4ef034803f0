internal import AloraModels
internal import CAloraKernels

extension Evaluator {
  /// Where a block is, for the adapters' updates and the cache.
  typealias PlacedBlock = (layer: Int, block: Model.Block)

  /// All blocks, without the sum of the last one's output, which ``logits(_:)`` begins with.
  ///
  /// The last mixer that leaves something for later tokens leaves it for all rows. What follows is computed for the wanted
  /// rows only, because a row then serves nothing but its own logits.
  /// - Parameter wanted: some consecutive rows of each segment.
  /// - Returns: a pass of the wanted rows alone.
  func runBlocks(_ pass: Pass, wanted: [Range<Int>]) -> Pass {
    var pass = pass
    let isNarrower = wanted.reduce(0) { $0 + $1.count } < pass.rowCount
    for (index, (layer, block)) in model.blocks.enumerated() {
      let input = enter(index, pass)
      switch block.operation {
      case .mixer(.attention(let attention)) where index == model.lastMixerIndex && isNarrower:
        storeKeysAndValues(attention, layer, input, pass)
        pass = narrow(pass, to: wanted)
        guard pass.rowCount > 0 else { return pass }
        rotaryTables(pass)
        pack(input, count: pass.rowCount, in: pass)
        attendToStored(attention, layer, input, pass)
      case .mixer(.attention(let attention)): attend(attention, layer, input, pass)
      case .mixer(let mixer):
        scan(mixer, layer, input, pass)
        if index == model.lastMixerIndex && isNarrower {
          pass = narrow(pass, to: wanted)
          guard pass.rowCount > 0 else { return pass }
        }
        finish(mixer, layer, pass)
      case .feedForward(let network): run(network, layer, input, pass)
      case .streams(let update): run(update, layer, pass)
      }
    }
    return pass
  }

  /// What a recurrent mixer does with all rows: what later tokens need, and the states.
  private func scan(_ mixer: Model.Mixer, _ layer: Int, _ input: Rows, _ pass: Pass) {
    switch mixer {
    case .mamba2(let mamba): scan(mamba, layer, input, pass)
    case .shortConvolution(let convolution): scan(convolution, layer, input, pass)
    case .gatedDelta(let delta): scan(delta, layer, input, pass)
    case .attention: preconditionFailure("attention keeps no state")
    }
  }

  /// What it does for the rows' own outputs.
  private func finish(_ mixer: Model.Mixer, _ layer: Int, _ pass: Pass) {
    switch mixer {
    case .mamba2(let mamba): finish(mamba, layer, pass)
    case .shortConvolution(let convolution): finish(convolution, layer, pass)
    case .gatedDelta(let delta): finish(delta, layer, pass)
    case .attention: preconditionFailure("attention keeps no state")
    }
  }

  /// Adds the output of the block before to the stream, and prepares what this block reads.
  private func enter(_ index: Int, _ pass: Pass) -> Rows {
    let previous = index > 0 ? model.blocks[index - 1].block : nil
    switch model.blocks[index].block.input {
    case .stream(nil):
      forEachRow(pass.rowCount, packing: pass.hidden, in: pass) { rows in self.addOutput(of: previous, rows, pass) }
      return pass.hidden
    case .stream(let norm?):
      forEachRow(pass.rowCount, packing: pass.normed, in: pass) { rows in
        self.addOutput(of: previous, rows, pass)
        self.normalize(pass.hidden, norm, into: pass.normed, rows)
      }
      return pass.normed
    case .scaledStream(let scale):
      let isa = isa
      forEachRow(pass.rowCount, packing: pass.normed, in: pass) { rows in
        self.addOutput(of: previous, rows, pass)
        for row in rows { unsafe alora_multiply(isa, pass.hidden[row], scale.base, pass.normed[row], scale.count) }
      }
      return pass.normed
    case .sameAsPrevious:
      // Architectures have such blocks only after one with a norm, which doesn't change its input.
      forEachRow(pass.rowCount, packing: pass.normed, in: pass) { rows in self.addOutput(of: previous, rows, pass) }
      return pass.normed
    }
  }

  /// stream += scale · output, after the norm that some models have there.
  func addOutput(of block: Model.Block?, _ rows: Range<Int>, _ pass: Pass) {
    guard let block else { return }
    if case .streams = block.operation { return }
    if let norm = block.outputNorm { normalize(pass.output, norm, into: pass.output, rows) }
    let count = rows.count * pass.hidden.columnCount
    for stream in block.addsToOtherStreams ? pass.streams.dropFirst() : [pass.hidden] {
      let target = unsafe stream[rows.lowerBound]
      unsafe alora_add_scaled(isa, block.residualScale, pass.output[rows.lowerBound], target, count)
      if block.streamFactor != 1 { unsafe alora_scale_by(isa, block.streamFactor, target, target, count) }
      if let scale = block.streamScale { unsafe alora_scale_by(isa, scale.base[0], target, target, count) }
    }
  }

  /// A norm of each row, or of its parts.
  func normalize(_ x: Rows, _ norm: Model.Norm, into y: Rows, _ rows: Range<Int>) {
    let (count, partCount) = (norm.count, rows.count * (x.columnCount / norm.count))
    let (from, to) = unsafe (x[rows.lowerBound], y[rows.lowerBound])
    let weight = unsafe norm.weight.map { unsafe UnsafePointer($0.base) }
    switch norm.kind {
    case .rootMeanSquare: unsafe alora_rms_norm(isa, from, count, weight, norm.epsilon, to, count, partCount, count)
    case .layer: unsafe alora_layer_norm(isa, from, count, weight, norm.epsilon, to, count, partCount, count)
    }
  }

  private func run(_ network: Model.FeedForward, _ layer: Int, _ input: Rows, _ pass: Pass) {
    switch network {
    case .gated(let network): run(network, layer, input, pass, into: pass.output)
    case .experts(let mixture): run(mixture, layer, input, pass)
    case .ungated(let network): run(network, layer, input, pass)
    case .layerInput(let network): run(network, layer, input, pass)
    case .bottleneck(let network): run(network, layer, input, pass)
    }
  }

  /// Moves the wanted rows of the stream, of what a block reads, and of what a recurrent mixer has left to the front, in their
  /// order.
  private func narrow(_ pass: Pass, to wanted: [Range<Int>]) -> Pass {
    var rest = pass
    (rest.segments, rest.rowCount) = ([], 0)
    for (segment, rows) in zip(pass.segments, wanted) {
      let first = rest.rowCount
      for (index, row) in rows.enumerated() where row > first + index {
        // To the front only, so never over a row that is still to be moved.
        for buffer in [
          pass.hidden, pass.normed, pass.layerInputs, pass.recurrent.projected, pass.recurrent.gated,
          pass.recurrent.scanned,
        ] + pass.streams + pass.predictions {
          unsafe buffer[first + index].update(from: buffer[row], count: buffer.columnCount)
        }
      }
      rest.rowCount += rows.count
      let active = min(max(segment.firstActiveRow, rows.lowerBound), rows.upperBound) - rows.lowerBound
      rest.segments.append(
        Segment(
          sequence: segment.sequence, rows: first..<rest.rowCount,
          firstPosition: segment.position(ofRow: rows.lowerBound), firstActiveRow: first + active))
    }
    return rest
  }
}
