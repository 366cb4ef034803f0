internal import AloraModels
internal import CAloraKernels

extension Model {
  /// The rotated pairs of each rotary embedding.
  var rotaryPairCounts: [Int] { graph.parameters.rotaries.map(\.inverseFrequencies.count) }
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
    multiply(input, queries(attention, pass) + keysAndValues(attention, pass), layer, pass)
    forEachRow(pass.rowCount) { rows in
      self.rotate(pass.query, attention.queryNorm, attention.shape, rows, pass)
      self.rotate(pass.key, attention.keyNorm, attention.shape, rows, pass)
      self.store(attention.shape, layer, rows, pass)
    }
    gatherAndProject(attention, layer, pass)
  }

  /// The keys and values of all rows, into the cache.
  func storeKeysAndValues(_ attention: Model.Attention, _ layer: Int, _ input: Rows, _ pass: Pass) {
    multiply(input, keysAndValues(attention, pass), layer, pass)
    forEachRow(pass.rowCount) { rows in
      self.rotate(pass.key, attention.keyNorm, attention.shape, rows, pass)
      self.store(attention.shape, layer, rows, pass)
    }
  }

  /// Attention of rows whose keys and values are in the cache.
  func attendToStored(_ attention: Model.Attention, _ layer: Int, _ input: Rows, _ pass: Pass) {
    multiply(input, queries(attention, pass), layer, pass)
    forEachRow(pass.rowCount) { rows in
      self.rotate(pass.query, attention.queryNorm, attention.shape, rows, pass)
    }
    gatherAndProject(attention, layer, pass)
  }

  private func queries(_ attention: Model.Attention, _ pass: Pass) -> [Product] {
    [Product(matrix: attention.query, slot: .layer(.query), output: pass.query)]
  }

  private func keysAndValues(_ attention: Model.Attention, _ pass: Pass) -> [Product] {
    [
      Product(matrix: attention.key, slot: .layer(.key), output: pass.key),
      Product(matrix: attention.value, slot: .layer(.value), output: pass.value),
    ]
  }

  /// Norms of heads or rows, and rotation.
  private func rotate(_ x: Rows, _ norm: Model.Norm?, _ shape: AttentionShape, _ rows: Range<Int>, _ pass: Pass) {
    if let norm { normalize(x, norm, into: x, rows) }
    guard let rotary = shape.rotary else { return }
    let pairCounts = model.rotaryPairCounts
    let pairCount = pairCounts[rotary]
    let cosines = unsafe pass.rotary + 2 * pass.rowCount * pairCounts[..<rotary].reduce(0, +)
    let at = rows.lowerBound * pairCount
    unsafe alora_rope(
      isa, ALORA_ROPE_HALVES, x[rows.lowerBound], x.columnCount, rows.count, x.columnCount / shape.headDimension,
      shape.headDimension, cosines + at, cosines + pass.rowCount * pairCount + at, pairCount)
  }

  private func store(_ shape: AttentionShape, _ layer: Int, _ rows: Range<Int>, _ pass: Pass) {
    let dimension = shape.headDimension
    pass.forEachSegment(in: rows) { segment, rows in
      let position = segment.position(ofRow: rows.lowerBound)
      for head in 0..<shape.keyValueHeadCount {
        unsafe alora_store_keys(
          pass.key[rows.lowerBound] + head * dimension, pass.key.columnCount, rows.count, dimension, position,
          segment.sequence.keyBlocks(layer: layer, head: head))
        unsafe alora_store_values(
          pass.value[rows.lowerBound] + head * dimension, pass.value.columnCount, rows.count, dimension, position,
          segment.sequence.valueBlocks(layer: layer, head: head))
      }
    }
  }

  private func gatherAndProject(_ attention: Model.Attention, _ layer: Int, _ pass: Pass) {
    gather(attention.shape, attention.sinks, layer, pass)
    pack(pass.attention, count: pass.rowCount, in: pass)
    multiply(
      pass.attention, [Product(matrix: attention.output, slot: .layer(.output), output: pass.output)], layer, pass)
  }

  /// The values that each head attends to: tasks of a few tokens of one head, the last tokens first, because they have
  /// most to see.
  private func gather(_ shape: AttentionShape, _ sinks: FloatBuffer?, _ layer: Int, _ pass: Pass) {
    let group = shape.headCount / shape.keyValueHeadCount
    let kernelShape = unsafe alora_attention(
      head_dim: shape.headDimension, group: group, window: shape.window ?? 0, scale: shape.scale,
      soft_cap: shape.softCap ?? 0, sinks: nil)
    var tasks: [(segment: Segment, rows: Range<Int>, head: Int)] = []
    for segment in pass.segments {
      for first in stride(from: segment.rows.lowerBound, to: segment.rows.upperBound, by: 32).reversed() {
        let rows = first..<min(first + 32, segment.rows.upperBound)
        for head in 0..<shape.keyValueHeadCount { tasks.append((segment, rows, head)) }
      }
    }
    let (isa, all, width) = (isa, tasks, pass.query.columnCount)
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
        isa, &kernelShape, pass.query[rows.lowerBound] + at, width, position, rows.count, keys, values,
        pass.attention[rows.lowerBound] + at, width, memory)
    }
  }
}
