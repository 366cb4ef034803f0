internal import CAloraKernels

/// One of several products that read the same rows.
@safe struct Product {
  let matrix: WeightMatrix
  let slot: UpdateSlot
  /// [T][stride]
  let output: UnsafeMutablePointer<Float>
  let stride: Int
}

extension Evaluator {
  /// Runs `body` on parts of the rows, which go to whichever thread is free, and packs rows of `x` for the products that
  /// follow: tile by tile, while they are near.
  func rows(
    _ count: Int, packing x: UnsafeMutablePointer<Float>?, columns: Int, into packed: UnsafeMutablePointer<Float>,
    _ body: @escaping (_ thread: Int, _ rows: Range<Int>) -> Void
  ) {
    let tileCount = alora_tile_count(count)
    let packs = count > 1 && model.blas == nil
    func part(_ thread: Int, _ tiles: Range<Int>) {
      guard packs, let x = unsafe x else { return body(thread, tokens(ofTiles: tiles, of: count)) }
      for tile in tiles {
        body(thread, tokens(ofTiles: tile..<(tile + 1), of: count))
        unsafe alora_pack_activations(x, columns, count, columns, tile, 1, packed)
      }
    }
    let size = max(1, tileCount / (4 * pool.threadCount))
    pool.run(tasks: (tileCount + size - 1) / size) { thread, task in
      part(thread, (task * size)..<min((task + 1) * size, tileCount))
    }
  }

  /// The tokens that some tiles hold, out of `count`.
  private func tokens(ofTiles tiles: Range<Int>, of count: Int) -> Range<Int> {
    alora_tile_first_token(tiles.lowerBound, count)..<alora_tile_first_token(tiles.upperBound, count)
  }

  /// Computes products of the same rows, and adds what adapters change.
  ///
  /// - Parameters:
  ///   - x: [T][columns]
  ///   - packed: the same rows in tiles, where there is more than one.
  ///   - segments: the sequences that the rows belong to; empty where no adapter is wanted.
  func multiply(
    _ x: UnsafeMutablePointer<Float>, packed: UnsafeMutablePointer<Float>, columns: Int, rowCount: Int,
    _ products: [Product], segments: [Segment], layer: Int
  ) {
    if let blas = model.blas {
      for product in products {
        unsafe blas.multiply(
          x, stride: columns, rows: rowCount, product.matrix, into: product.output, stride: product.stride)
        addBias(product, columns: 0..<product.matrix.rowCount, rows: 0..<rowCount)
      }
    } else {
      let input = unsafe rowCount == 1 ? x : packed
      let panelCount = products.reduce(0) { $0 + $1.matrix.panelCount }
      if rowCount == 1 {
        pool.run { thread in
          let task = ProductTask(panels: self.pool.share(of: panelCount, thread: thread), tiles: 0..<1)
          unsafe self.multiply(products, task, input, rowCount: 1, thread: thread)
        }
      } else {
        let tasks = ProductTask.divide(
          panelCount: panelCount, tileCount: alora_tile_count(rowCount), threadCount: pool.threadCount)
        pool.run(tasks: tasks.count) { thread, task in
          unsafe self.multiply(products, tasks[task], input, rowCount: rowCount, thread: thread)
        }
      }
    }
    unsafe addUpdates(x, columns: columns, products, segments: segments, layer: layer)
  }

  /// A part of several products, whose panels are numbered one product after the other.
  private func multiply(
    _ products: [Product], _ task: ProductTask, _ input: UnsafeMutablePointer<Float>, rowCount: Int, thread: Int
  ) {
    let tiles = task.tiles
    let rows = tokens(ofTiles: tiles, of: rowCount)
    var first = 0
    for product in products {
      let matrix = product.matrix
      let part = task.panels.clamped(to: first..<(first + matrix.panelCount))
      if !part.isEmpty {
        let start = part.lowerBound - first
        if let streamed = matrix.streamed {
          let scratch = unsafe scratch[thread].weights.reserve(streamed.scratchByteCount / 4)
          unsafe streamed.forEachPart(of: start..<(start + part.count), in: scratch) { packed, panels in
            let row = panels.lowerBound * Int(ALORA_PANEL_ROWS)
            unsafe self.product(
              isa.rawValue, matrix.type.rawValue, packed, matrix.rowCount - row, matrix.columnCount, 0, panels.count,
              input, rowCount, tiles.lowerBound, tiles.count, product.output + row, product.stride)
          }
        } else {
          unsafe self.product(
            isa.rawValue, matrix.type.rawValue, matrix.storage, matrix.rowCount, matrix.columnCount, start, part.count,
            input, rowCount, tiles.lowerBound, tiles.count, product.output, product.stride)
        }
        addBias(product, columns: (start * 32)..<min(matrix.rowCount, (start + part.count) * 32), rows: rows)
      }
      first += matrix.panelCount
    }
  }

  private func addBias(_ product: Product, columns: Range<Int>, rows: Range<Int>) {
    guard let bias = product.matrix.bias else { return }
    for row in rows {
      let y = unsafe product.output + row * product.stride + columns.lowerBound
      unsafe alora_add(isa, y, bias.base + columns.lowerBound, y, columns.count)
    }
  }

  /// y += scale · B · (A · x) for the rows where an adapter is on. Other rows are not touched.
  ///
  /// Each task is some rows of one product, done by one thread from beginning to end.
  private func addUpdates(
    _ x: UnsafeMutablePointer<Float>, columns: Int, _ products: [Product], segments: [Segment], layer: Int
  ) {
    var tasks: [(rows: Range<Int>, product: Product, update: LowRankUpdate)] = []
    for segment in segments {
      guard let adapter = segment.sequence.adapter, !segment.activeRows.isEmpty else { continue }
      for product in products {
        guard let update = adapter.update(product.slot, layer: layer) else { continue }
        // Few enough rows that the change of all outputs stays in the cache.
        let rowLimit = max(1, min(48, (1 << 18) / product.matrix.rowCount))
        for first in stride(from: segment.activeRows.lowerBound, to: segment.activeRows.upperBound, by: rowLimit) {
          tasks.append((first..<min(first + rowLimit, segment.activeRows.upperBound), product, update))
        }
      }
    }
    guard !tasks.isEmpty else { return }
    let all = tasks
    guard model.blas == nil, all.count > 1 else {
      for task in all { unsafe addUpdate(x, columns: columns, task.rows, task.product, task.update, thread: 0) }
      return
    }
    pool.run(tasks: all.count) { thread, index in
      let task = all[index]
      unsafe self.addUpdate(x, columns: columns, task.rows, task.product, task.update, thread: thread)
    }
  }

  private func addUpdate(
    _ x: UnsafeMutablePointer<Float>, columns: Int, _ rows: Range<Int>, _ product: Product, _ update: LowRankUpdate,
    thread: Int
  ) {
    let (count, rank, outputs) = (rows.count, update.a.rowCount, update.b.rowCount)
    // In turn: the rows in tiles, A · x, that in tiles, B · A · x.
    let memory = unsafe scratch[thread].update.reserve(count * (columns + 2 * rank + outputs) + 64)
    let (tiles, inner) = unsafe (memory, memory + count * columns)
    let (innerTiles, delta) = unsafe (inner + count * rank, inner + 2 * count * rank)
    let input = unsafe x + rows.lowerBound * columns
    unsafe multiplySmall(input, columns: columns, count, update.a, tiles: tiles, into: inner)
    unsafe multiplySmall(inner, columns: rank, count, update.b, tiles: innerTiles, into: delta)
    for row in 0..<count {
      let y = unsafe product.output + (rows.lowerBound + row) * product.stride
      unsafe alora_add_scaled(isa, update.scale, delta + row * outputs, y, outputs)
    }
  }

  /// A product on the calling thread alone.
  private func multiplySmall(
    _ x: UnsafeMutablePointer<Float>, columns: Int, _ count: Int, _ matrix: WeightMatrix,
    tiles: UnsafeMutablePointer<Float>, into y: UnsafeMutablePointer<Float>
  ) {
    if let blas = model.blas {
      unsafe blas.multiply(x, stride: columns, rows: count, matrix, into: y, stride: matrix.rowCount)
      return
    }
    if count > 1 { unsafe alora_pack_activations(x, columns, count, columns, 0, alora_tile_count(count), tiles) }
    unsafe product(
      isa.rawValue, matrix.type.rawValue, matrix.storage, matrix.rowCount, columns, 0, matrix.panelCount,
      count > 1 ? tiles : x, count, 0, alora_tile_count(count), y, matrix.rowCount)
  }
}
