internal import AloraModels
internal import CAloraKernels

extension Model {
  /// The rotated pairs of each rotary embedding.
  var rotaryPairCounts: [Int] { graph.parameters.rotaries.map(\.inverseFrequencies.count) }
}

extension RotaryEmbedding.Layout {
  fileprivate var kernel: alora_rope_layout {
    switch self {
    case .halves: ALORA_ROPE_HALVES
    case .interleaved: ALORA_ROPE_INTERLEAVED
    }
  }
}

/// Layers may have heads of different sizes.
extension Pass {
  fileprivate func queries(of shape: AttentionShape) -> Rows { query.with(columnCount: shape.queryRowCount) }
  fileprivate func keys(of shape: AttentionShape) -> Rows { key.with(columnCount: shape.keyValueRowCount) }
  fileprivate func values(of shape: AttentionShape) -> Rows { value.with(columnCount: shape.keyValueRowCount) }
  fileprivate func gathered(of shape: AttentionShape) -> Rows { attention.with(columnCount: shape.queryRowCount) }
  fileprivate func gates(of shape: AttentionShape) -> Rows { outputGate.with(columnCount: shape.queryRowCount) }
}

extension Evaluator {
  /// Cosines and sines of all rows.
  func rotaryTables(_ pass: Pass) {
    var offset = 0
    for rotary in model.graph.parameters.rotaries {
      let pairCount = rotary.inverseFrequencies.count
      let cosines = unsafe pass.rotary + offset
      let sines = unsafe cosines + pass.rowCount * pairCount
      let sets = pass.segments.map { FloatBuffer(rotary.inverseFrequencies(length: $0.sequence.declaredLength)) }
      forEachRow(pass.rowCount) { range in
        for (segment, frequencies) in zip(pass.segments, sets) {
          let part = segment.rows.clamped(to: range)
          guard !part.isEmpty else { continue }
          let at = part.lowerBound * pairCount
          unsafe alora_rope_table(
            frequencies.base, pairCount, segment.position(ofRow: part.lowerBound), part.count, rotary.scale,
            cosines + at, sines + at)
        }
      }
      offset += 2 * pass.rowCount * pairCount
    }
  }

  /// Attention of all rows, of `input` into `pass.output`.
  func attend(_ attention: Model.Attention, _ layer: Int, _ input: Rows, _ pass: Pass) {
    guard attention.sharedLayer == nil else { return attendToStored(attention, layer, input, pass) }
    multiply(input, queries(attention, pass) + keysAndValues(attention, pass), layer, pass)
    forEachRow(pass.rowCount) { rows in
      self.prepareQueries(attention, rows, pass)
      self.prepareKeysAndValues(attention, rows, pass)
      self.store(attention.shape, layer, rows, pass)
    }
    gatherAndProject(attention, layer, pass)
  }

  /// The keys and values of all rows, into the cache.
  func storeKeysAndValues(_ attention: Model.Attention, _ layer: Int, _ input: Rows, _ pass: Pass) {
    multiply(input, keysAndValues(attention, pass), layer, pass)
    forEachRow(pass.rowCount) { rows in
      self.prepareKeysAndValues(attention, rows, pass)
      self.store(attention.shape, layer, rows, pass)
    }
  }

  /// Attention of rows whose keys and values are in the cache, as this layer's or an earlier one's.
  func attendToStored(_ attention: Model.Attention, _ layer: Int, _ input: Rows, _ pass: Pass) {
    multiply(input, queries(attention, pass), layer, pass)
    forEachRow(pass.rowCount) { rows in self.prepareQueries(attention, rows, pass) }
    gatherAndProject(attention, layer, pass)
  }

  private func queries(_ attention: Model.Attention, _ pass: Pass) -> [Product] {
    let query = Product(matrix: attention.query, slot: .layer(.query), output: pass.queries(of: attention.shape))
    guard let gate = attention.outputGate else { return [query] }
    return [query, Product(matrix: gate, slot: .layer(.queryGate), output: pass.gates(of: attention.shape))]
  }

  private func scale(_ x: Rows, _ factor: Float, _ rows: Range<Int>) {
    let first = unsafe x[rows.lowerBound]
    if factor != 1 { unsafe alora_scale_by(isa, factor, first, first, rows.count * x.columnCount) }
  }

  private func keysAndValues(_ attention: Model.Attention, _ pass: Pass) -> [Product] {
    guard let matrix = attention.key else { return [] }
    let key = Product(matrix: matrix, slot: .layer(.key), output: pass.keys(of: attention.shape))
    guard let value = attention.value else { return [key] }
    return [key, Product(matrix: value, slot: .layer(.value), output: pass.values(of: attention.shape))]
  }

  /// Norms, rotation and temperature.
  private func prepareQueries(_ attention: Model.Attention, _ rows: Range<Int>, _ pass: Pass) {
    let queries = pass.queries(of: attention.shape)
    if let multipliers = attention.shape.multipliers { scale(queries, multipliers.query, rows) }
    rotate(queries, attention.queryNorm, attention, rows, pass)
    guard let temperature = attention.shape.temperature else { return }
    pass.forEachSegment(in: rows) { segment, rows in
      for row in rows {
        let factor = temperature.factor(position: segment.position(ofRow: row))
        if factor != 1 { unsafe alora_scale_by(isa, factor, queries[row], queries[row], queries.columnCount) }
      }
    }
  }

  private func prepareKeysAndValues(_ attention: Model.Attention, _ rows: Range<Int>, _ pass: Pass) {
    let (keys, values) = (pass.keys(of: attention.shape), pass.values(of: attention.shape))
    if let multipliers = attention.shape.multipliers {
      scale(keys, multipliers.key, rows)
      if attention.value != nil { scale(values, multipliers.value, rows) }
    }
    if attention.value == nil {
      unsafe values[rows.lowerBound].update(from: keys[rows.lowerBound], count: rows.count * keys.columnCount)
    }
    if let norm = attention.valueNorm { normalize(values, norm, into: values, rows) }
    if let limit = attention.shape.limit { clamp(values, limit, rows) }
    rotate(keys, attention.keyNorm, attention, rows, pass)
  }

  /// Limits the elements of rows to ± `limit`; a NaN stays.
  private func clamp(_ x: Rows, _ limit: Float, _ rows: Range<Int>) {
    let first = unsafe x[rows.lowerBound]
    for index in 0..<(rows.count * x.columnCount) {
      let value = unsafe first[index]
      if value > limit { unsafe first[index] = limit }
      if value < -limit { unsafe first[index] = -limit }
    }
  }

  /// Norms of heads or rows, rotation, and norms of what is rotated.
  private func rotate(_ x: Rows, _ norm: Model.Norm?, _ attention: Model.Attention, _ rows: Range<Int>, _ pass: Pass) {
    let shape = attention.shape
    if let norm { normalize(x, norm, into: x, rows) }
    if let limit = shape.limit { clamp(x, limit, rows) }
    guard let rotary = shape.rotary else { return }
    let pairCounts = model.rotaryPairCounts
    let pairCount = pairCounts[rotary]
    let cosines = unsafe pass.rotary + 2 * pass.rowCount * pairCounts[..<rotary].reduce(0, +)
    let at = rows.lowerBound * pairCount
    unsafe alora_rope(
      isa, model.graph.parameters.rotaries[rotary].layout.kernel, x[rows.lowerBound], x.columnCount, rows.count,
      x.columnCount / shape.headDimension, shape.headDimension, cosines + at, cosines + pass.rowCount * pairCount + at,
      pairCount)
    if let norm = attention.rotatedNorm { normalize(x, norm, into: x, rows) }
  }

  private func store(_ shape: AttentionShape, _ layer: Int, _ rows: Range<Int>, _ pass: Pass) {
    let dimension = shape.headDimension
    let (keys, values) = (pass.keys(of: shape), pass.values(of: shape))
    pass.forEachSegment(in: rows) { segment, rows in
      let position = segment.position(ofRow: rows.lowerBound)
      for head in 0..<shape.keyValueHeadCount {
        unsafe alora_store_keys(
          keys[rows.lowerBound] + head * dimension, keys.columnCount, rows.count, dimension, position,
          segment.sequence.keyBlocks(layer: layer, head: head))
        unsafe alora_store_values(
          values[rows.lowerBound] + head * dimension, values.columnCount, rows.count, dimension, position,
          segment.sequence.valueBlocks(layer: layer, head: head))
      }
    }
  }

  private func gatherAndProject(_ attention: Model.Attention, _ layer: Int, _ pass: Pass) {
    gather(attention.shape, attention.sinks, attention.sharedLayer ?? layer, pass)
    let gathered = pass.gathered(of: attention.shape)
    if attention.outputGate != nil {
      let (isa, gates) = (isa, pass.gates(of: attention.shape))
      forEachRow(pass.rowCount, packing: gathered, in: pass) { rows in
        let (gate, y) = unsafe (gates[rows.lowerBound], gathered[rows.lowerBound])
        let count = rows.count * gathered.columnCount
        unsafe alora_sigmoid(isa, gate, gate, count)
        unsafe alora_multiply(isa, y, gate, y, count)
      }
    } else {
      pack(gathered, count: pass.rowCount, in: pass)
    }
    multiply(gathered, [Product(matrix: attention.output, slot: .layer(.output), output: pass.output)], layer, pass)
  }

  /// The values that each head attends to: tasks of a few tokens of one head, the last tokens first, because they have
  /// most to see.
  ///
  /// - Parameter layer: the one whose keys and values they are.
  private func gather(_ shape: AttentionShape, _ sinks: FloatBuffer?, _ layer: Int, _ pass: Pass) {
    let group = shape.headCount / shape.keyValueHeadCount
    let kernelShape = unsafe alora_attention(
      head_dim: shape.headDimension, group: group, window: shape.window ?? 0, scale: shape.scale,
      soft_cap: shape.softCap ?? 0, sinks: nil, chunk: shape.chunk ?? 0)
    var tasks: [(segment: Segment, rows: Range<Int>, head: Int)] = []
    for segment in pass.segments {
      for first in stride(from: segment.rows.lowerBound, to: segment.rows.upperBound, by: 32).reversed() {
        let rows = first..<min(first + 32, segment.rows.upperBound)
        for head in 0..<shape.keyValueHeadCount { tasks.append((segment, rows, head)) }
      }
    }
    let (queries, gathered) = (pass.queries(of: shape), pass.gathered(of: shape))
    let (isa, all, width) = (isa, tasks, queries.columnCount)
    pool.run(tasks: all.count) { thread, index in
      let (segment, rows, head) = all[index]
      let position = segment.position(ofRow: rows.lowerBound)
      var kernelShape = unsafe kernelShape
      if let sinks { unsafe kernelShape.sinks = UnsafePointer(sinks.base + head * group) }
      let bytes = unsafe alora_attention_scratch_byte_count(&kernelShape, position, rows.count)
      let memory = unsafe self.scratch[thread].attention.reserve(bytes / 4 + 16)
      let keys = unsafe UnsafeRawPointer(segment.sequence.keyBlocks(layer: layer, head: head))
        .assumingMemoryBound(to: UnsafePointer<Float>?.self)
      let values = unsafe UnsafeRawPointer(segment.sequence.valueBlocks(layer: layer, head: head))
        .assumingMemoryBound(to: UnsafePointer<Float>?.self)
      let at = head * group * shape.headDimension
      unsafe alora_attend(
        isa, &kernelShape, queries[rows.lowerBound] + at, width, position, rows.count, keys, values,
        gathered[rows.lowerBound] + at, width, memory)
    }
  }
}
