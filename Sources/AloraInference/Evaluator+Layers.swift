internal import AloraArchitectures
internal import CAloraKernels

extension Model {
  /// The rotated pairs of each rotary embedding.
  var rotaryPairCounts: [Int] { graph.parameters.rotaries.map(\.inverseFrequencies.count) }
}

extension Evaluator {
  private var h: Hyperparameters { model.graph.base.hyperparameters }
  private var parameters: GraphParameters { model.graph.parameters }

  /// Cosines and sines of all rows.
  func rotaryTables(_ pass: Pass) {
    var offset = 0
    for rotary in parameters.rotaries {
      let pairCount = rotary.inverseFrequencies.count
      let cosines = unsafe pass.rotary + offset
      let sines = unsafe cosines + pass.rowCount * pairCount
      let sets = pass.segments.map { FloatBuffer(rotary.inverseFrequencies(length: $0.sequence.declaredLength)) }
      unsafe rows(pass.rowCount, packing: nil, columns: 0, into: pass.packed) { _, range in
        for (segment, frequencies) in zip(pass.segments, sets) {
          let part = segment.rows.clamped(to: range)
          guard !part.isEmpty else { continue }
          let at = part.lowerBound * pairCount
          unsafe alora_rope_table(
            frequencies.base, pairCount, segment.firstPosition + part.lowerBound - segment.rows.lowerBound, part.count,
            rotary.scale, cosines + at, sines + at)
        }
      }
      offset += 2 * pass.rowCount * pairCount
    }
  }

  /// One layer, without the sum of its feed-forward network's output, which the next layer begins with.
  func run(layer: Int, _ pass: Pass) {
    let weights = model.layers[layer]
    let (hidden, count, epsilon) = (h.hiddenSize, pass.rowCount, parameters.normEpsilon)
    let isa = isa
    let previous = layer > 0 ? model.layers[layer - 1] : nil
    unsafe rows(count, packing: pass.normed, columns: hidden, into: pass.packed) { _, rows in
      if let previous { self.addResidual(pass, rows, norm: previous.postFeedForwardNorm) }
      let at = rows.lowerBound * hidden
      unsafe alora_rms_norm(
        isa, pass.hidden + at, hidden, weights.attentionNorm.base, epsilon, pass.normed + at, hidden, rows.count, hidden
      )
    }
    let (q, kv) = (h.queryRowCount, h.keyValueRowCount)
    unsafe multiply(
      pass.normed, packed: pass.packed, columns: hidden, rowCount: count,
      [
        Product(matrix: weights.query, slot: .layer(.query), output: pass.query, stride: q),
        Product(matrix: weights.key, slot: .layer(.key), output: pass.key, stride: kv),
        Product(matrix: weights.value, slot: .layer(.value), output: pass.value, stride: kv),
      ], segments: pass.segments, layer: layer)
    rotateAndStore(layer, pass)
    attend(layer, pass)
    if count > 1 { unsafe rows(count, packing: pass.attention, columns: q, into: pass.packed) { _, _ in } }
    unsafe multiply(
      pass.attention, packed: pass.packed, columns: q, rowCount: count,
      [Product(matrix: weights.output, slot: .layer(.output), output: pass.output, stride: hidden)],
      segments: pass.segments,
      layer: layer)
    unsafe rows(count, packing: pass.normed, columns: hidden, into: pass.packed) { _, rows in
      self.addResidual(pass, rows, norm: weights.postAttentionNorm)
      let at = rows.lowerBound * hidden
      unsafe alora_rms_norm(
        isa, pass.hidden + at, hidden, weights.feedForwardNorm.base, epsilon, pass.normed + at, hidden, rows.count,
        hidden)
    }
    feedForward(layer, pass)
  }

  /// hidden += scale · output, after the norm that some models have there.
  func addResidual(_ pass: Pass, _ rows: Range<Int>, norm: FloatBuffer?) {
    let hidden = h.hiddenSize
    let at = rows.lowerBound * hidden
    if let norm {
      unsafe alora_rms_norm(
        isa, pass.output + at, hidden, norm.base, parameters.normEpsilon, pass.output + at, hidden, rows.count, hidden)
    }
    unsafe alora_add_scaled(
      isa, parameters.residualScale, pass.output + at, pass.hidden + at, rows.count * hidden)
  }

  /// Norms of heads, rotation, and the way of keys and values into the cache.
  private func rotateAndStore(_ layer: Int, _ pass: Pass) {
    let weights = model.layers[layer]
    let (heads, kvHeads, dimension) = (h.headCount, h.keyValueHeadCount, h.headDimension)
    let (q, kv, count, epsilon) = (h.queryRowCount, h.keyValueRowCount, pass.rowCount, parameters.normEpsilon)
    let isa = isa
    let rotary = parameters.layers[layer].rotary
    let pairCounts = model.rotaryPairCounts
    let pairCount = rotary.map { pairCounts[$0] } ?? 0
    let offset = 2 * count * pairCounts[..<(rotary ?? 0)].reduce(0, +)
    let cosines = unsafe pass.rotary + offset
    let sines = unsafe cosines + count * pairCount
    unsafe rows(count, packing: nil, columns: 0, into: pass.packed) { _, range in
      for row in range {
        if let norm = weights.queryNorm {
          let x = unsafe pass.query + row * q
          unsafe alora_rms_norm(isa, x, dimension, norm.base, epsilon, x, dimension, heads, dimension)
        }
        if let norm = weights.keyNorm {
          let x = unsafe pass.key + row * kv
          unsafe alora_rms_norm(isa, x, dimension, norm.base, epsilon, x, dimension, kvHeads, dimension)
        }
      }
      if rotary != nil {
        let at = range.lowerBound * pairCount
        unsafe alora_rope(
          isa, ALORA_ROPE_HALVES, pass.query + range.lowerBound * q, q, range.count, heads, dimension, cosines + at,
          sines + at, pairCount)
        unsafe alora_rope(
          isa, ALORA_ROPE_HALVES, pass.key + range.lowerBound * kv, kv, range.count, kvHeads, dimension, cosines + at,
          sines + at, pairCount)
      }
      pass.forEachSegment(in: range) { segment, rows in
        let position = segment.firstPosition + rows.lowerBound - segment.rows.lowerBound
        for head in 0..<kvHeads {
          let at = rows.lowerBound * kv + head * dimension
          unsafe alora_store_keys(
            pass.key + at, kv, rows.count, dimension, position, segment.sequence.keyBlocks(layer: layer, head: head))
          unsafe alora_store_values(
            pass.value + at, kv, rows.count, dimension, position,
            segment.sequence.valueBlocks(layer: layer, head: head))
        }
      }
    }
  }

  /// Attention: tasks of a few tokens of one head, the last tokens first, because they have most to see.
  private func attend(_ layer: Int, _ pass: Pass) {
    let (kvHeads, dimension, q) = (h.keyValueHeadCount, h.headDimension, h.queryRowCount)
    let group = h.headCount / kvHeads
    let shape = alora_attention(
      head_dim: dimension, group: group, window: parameters.layers[layer].window ?? 0, scale: parameters.attentionScale,
      soft_cap: parameters.attentionSoftCap ?? 0)
    var tasks: [(segment: Segment, rows: Range<Int>, head: Int)] = []
    for segment in pass.segments {
      for first in stride(from: segment.rows.lowerBound, to: segment.rows.upperBound, by: 32).reversed() {
        let rows = first..<min(first + 32, segment.rows.upperBound)
        for head in 0..<kvHeads { tasks.append((segment, rows, head)) }
      }
    }
    let (isa, all) = (isa, tasks)
    pool.run(tasks: all.count) { thread, index in
      let (segment, rows, head) = all[index]
      let position = segment.firstPosition + rows.lowerBound - segment.rows.lowerBound
      var shape = shape
      let bytes = unsafe alora_attention_scratch_byte_count(&shape, position, rows.count)
      let memory = unsafe self.scratch[thread].attention.reserve(bytes / 4 + 16)
      let keys = unsafe UnsafeRawPointer(segment.sequence.keyBlocks(layer: layer, head: head))
        .assumingMemoryBound(to: UnsafePointer<Float>?.self)
      let values = unsafe UnsafeRawPointer(segment.sequence.valueBlocks(layer: layer, head: head))
        .assumingMemoryBound(to: UnsafePointer<Float>?.self)
      let at = rows.lowerBound * q + head * group * dimension
      unsafe alora_attend(
        isa, &shape, pass.query + at, q, position, rows.count, keys, values, pass.attention + at, q, memory)
    }
  }
}
