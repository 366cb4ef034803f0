internal import AloraModels
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
    normalize(layer, pass)
    project(queries(layer, pass) + keysAndValues(layer, pass), layer, pass)
    unsafe rows(pass.rowCount, packing: nil, columns: 0, into: pass.packed) { _, rows in
      self.rotateQueries(layer, pass, rows)
      self.rotateAndStoreKeys(layer, pass, rows)
    }
    attendAndFeedForward(layer, pass)
  }

  /// The sum of the layer before, and this one's first norm.
  func normalize(_ layer: Int, _ pass: Pass) {
    let (weights, hidden, epsilon, isa) = (model.layers[layer], h.hiddenSize, parameters.normEpsilon, isa)
    let previous = layer > 0 ? model.layers[layer - 1] : nil
    unsafe rows(pass.rowCount, packing: pass.normed, columns: hidden, into: pass.packed) { _, rows in
      if let previous { self.addResidual(pass, rows, norm: previous.postFeedForwardNorm) }
      let at = rows.lowerBound * hidden
      unsafe alora_rms_norm(
        isa, pass.hidden + at, hidden, weights.attentionNorm.base, epsilon, pass.normed + at, hidden, rows.count, hidden
      )
    }
  }

  func queries(_ layer: Int, _ pass: Pass) -> [Product] {
    let matrix = model.layers[layer].query
    return unsafe [Product(matrix: matrix, slot: .layer(.query), output: pass.query, stride: h.queryRowCount)]
  }

  func keysAndValues(_ layer: Int, _ pass: Pass) -> [Product] {
    let (weights, stride) = (model.layers[layer], h.keyValueRowCount)
    return unsafe [
      Product(matrix: weights.key, slot: .layer(.key), output: pass.key, stride: stride),
      Product(matrix: weights.value, slot: .layer(.value), output: pass.value, stride: stride),
    ]
  }

  /// Products of the normed rows.
  func project(_ products: [Product], _ layer: Int, _ pass: Pass) {
    unsafe multiply(
      pass.normed, packed: pass.packed, columns: h.hiddenSize, rowCount: pass.rowCount, products,
      segments: pass.segments, layer: layer)
  }

  /// What follows on queries, keys and values.
  func attendAndFeedForward(_ layer: Int, _ pass: Pass) {
    let weights = model.layers[layer]
    let (hidden, q, count, epsilon) = (h.hiddenSize, h.queryRowCount, pass.rowCount, parameters.normEpsilon)
    let isa = isa
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

  /// Norms of the queries' heads, and rotation.
  func rotateQueries(_ layer: Int, _ pass: Pass, _ rows: Range<Int>) {
    unsafe rotate(
      pass.query, headCount: h.headCount, norm: model.layers[layer].queryNorm, layer, pass, rows)
  }

  /// Norms of the keys' heads, rotation, and the way of keys and values into the cache.
  func rotateAndStoreKeys(_ layer: Int, _ pass: Pass, _ rows: Range<Int>) {
    let (headCount, dimension, kv) = (h.keyValueHeadCount, h.headDimension, h.keyValueRowCount)
    unsafe rotate(pass.key, headCount: headCount, norm: model.layers[layer].keyNorm, layer, pass, rows)
    pass.forEachSegment(in: rows) { segment, rows in
      let position = segment.firstPosition + rows.lowerBound - segment.rows.lowerBound
      for head in 0..<headCount {
        let at = rows.lowerBound * kv + head * dimension
        unsafe alora_store_keys(
          pass.key + at, kv, rows.count, dimension, position, segment.sequence.keyBlocks(layer: layer, head: head))
        unsafe alora_store_values(
          pass.value + at, kv, rows.count, dimension, position,
          segment.sequence.valueBlocks(layer: layer, head: head))
      }
    }
  }

  /// - Parameter x: [T][heads · head dimension]
  private func rotate(
    _ x: UnsafeMutablePointer<Float>, headCount: Int, norm: FloatBuffer?, _ layer: Int, _ pass: Pass, _ rows: Range<Int>
  ) {
    let dimension = h.headDimension
    let stride = headCount * dimension
    let first = unsafe x + rows.lowerBound * stride
    if let norm {
      unsafe alora_rms_norm(
        isa, first, dimension, norm.base, parameters.normEpsilon, first, dimension, rows.count * headCount, dimension)
    }
    guard let rotary = parameters.layers[layer].rotary else { return }
    let rotaries = parameters.rotaries
    let pairCount = rotaries[rotary].inverseFrequencies.count
    let before = rotaries[..<rotary].reduce(0) { $0 + $1.inverseFrequencies.count }
    let cosines = unsafe pass.rotary + 2 * pass.rowCount * before
    let at = rows.lowerBound * pairCount
    unsafe alora_rope(
      isa, ALORA_ROPE_HALVES, first, stride, rows.count, headCount, dimension, cosines + at,
      cosines + pass.rowCount * pairCount + at, pairCount)
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
