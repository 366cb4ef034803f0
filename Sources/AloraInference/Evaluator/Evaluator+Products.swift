internal import CAloraKernels

/// One of several products that read the same rows.
@safe struct Product {
  let matrix: WeightMatrix
  let slot: UpdateSlot
  let output: Rows
}

extension Evaluator {
  /// Computes products of all rows of a pass, and adds what adapters change.
  ///
  /// - Parameter x: packed before, if there is more than one row.
  func multiply(_ x: Rows, _ products: [Product], _ layer: Int, _ pass: Pass) {
    multiply(x, products, rowCount: pass.rowCount, pass)
    addUpdates(
      x, products, layer,
      pass.segments.compactMap { segment in
        guard let adapter = segment.sequence.adapter, !segment.activeRows.isEmpty else { return nil }
        return (adapter, segment.activeRows)
      })
  }

  /// Rows for which an adapter is on.
  typealias AdaptedRows = (adapter: Adapter, rows: Range<Int>)

  /// Computes products of the same rows.
  func multiply(_ x: Rows, _ products: [Product], rowCount: Int, _ pass: Pass) {
    if let blas = model.blas {
      for product in products {
        unsafe blas.multiply(
          x.base, stride: x.columnCount, rows: rowCount, product.matrix, into: product.output.base,
          stride: product.output.columnCount)
        addBias(product, columns: 0..<product.matrix.rowCount, rows: 0..<rowCount)
      }
      return
    }
    let input = unsafe rowCount == 1 ? x.base : pass.packed
    let panelCount = products.reduce(0) { $0 + $1.matrix.panelCount }
    if rowCount == 1 {
      pool.run(partsOf: panelCount, least: 4) { thread, panels in
        unsafe self.multiply(
          products, ProductTask(panels: panels, tiles: 0..<1), input, rowCount: 1, thread: thread)
      }
    } else {
      let tasks = ProductTask.divide(
        panelCount: panelCount, tileCount: alora_tile_count(rowCount), threadCount: pool.threadCount)
      pool.run(tasks: tasks.count) { thread, task in
        unsafe self.multiply(products, tasks[task], input, rowCount: rowCount, thread: thread)
      }
    }
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
              ProductCall(
                isa: isa.rawValue, type: matrix.type.rawValue, weights: packed, rowCount: matrix.rowCount - row,
                columnCount: matrix.columnCount, panels: 0..<panels.count, x: input, tokenCount: rowCount,
                tiles: tiles, y: product.output.base + row, stride: product.output.columnCount))
          }
        } else {
          unsafe self.product(
            ProductCall(
              isa: isa.rawValue, type: matrix.type.rawValue, weights: matrix.storage, rowCount: matrix.rowCount,
              columnCount: matrix.columnCount, panels: start..<(start + part.count), x: input, tokenCount: rowCount,
              tiles: tiles, y: product.output.base, stride: product.output.columnCount))
        }
        addBias(product, columns: (start * 32)..<min(matrix.rowCount, (start + part.count) * 32), rows: rows)
      }
      first += matrix.panelCount
    }
  }

  private func addBias(_ product: Product, columns: Range<Int>, rows: Range<Int>) {
    guard let bias = product.matrix.bias else { return }
    for row in rows {
      let y = unsafe product.output[row] + columns.lowerBound
      unsafe alora_add(isa, y, bias.base + columns.lowerBound, y, columns.count)
    }
  }

  /// y += scale · B · (A · x) for the rows that an adapter is active for. Other rows aren't touched.
  ///
  /// One thread computes each task, which is some rows of one product.
  func addUpdates(_ x: Rows, _ products: [Product], _ layer: Int, _ adapted: [AdaptedRows]) {
    var tasks: [(rows: Range<Int>, product: Product, update: LowRankUpdate)] = []
    for (adapter, rows) in adapted {
      for product in products {
        guard let update = adapter.update(product.slot, layer: layer) else { continue }
        // Few enough rows that the change of all outputs stays in the cache.
        let rowLimit = max(1, min(48, (1 << 18) / product.matrix.rowCount))
        for first in stride(from: rows.lowerBound, to: rows.upperBound, by: rowLimit) {
          tasks.append((first..<min(first + rowLimit, rows.upperBound), product, update))
        }
      }
    }
    guard !tasks.isEmpty else { return }
    let all = tasks
    guard model.blas == nil, all.count > 1 else {
      for task in all { addUpdate(x, task.rows, task.product, task.update, thread: 0) }
      return
    }
    pool.run(tasks: all.count) { thread, index in
      let task = all[index]
      self.addUpdate(x, task.rows, task.product, task.update, thread: thread)
    }
  }

  private func addUpdate(
    _ x: Rows, _ rows: Range<Int>, _ product: Product, _ update: LowRankUpdate, thread: Int
  ) {
    let (count, columns) = (rows.count, x.columnCount)
    let (rank, outputs) = (update.a.rowCount, update.b.rowCount)
    // In turn: the rows in tiles, A · x, that in tiles, B · A · x.
    let memory = unsafe scratch[thread].update.reserve(count * (columns + 2 * rank + outputs) + 64)
    let (tiles, inner) = unsafe (memory, memory + count * columns)
    let (innerTiles, delta) = unsafe (inner + count * rank, inner + 2 * count * rank)
    let input = unsafe x[rows.lowerBound]
    unsafe multiplySmall(input, columns: columns, count, update.a, tiles: tiles, into: inner)
    unsafe multiplySmall(inner, columns: rank, count, update.b, tiles: innerTiles, into: delta)
    for row in 0..<count {
      unsafe alora_add_scaled(
        isa, update.scale, delta + row * outputs, product.output[rows.lowerBound + row], outputs)
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
      ProductCall(
        isa: isa.rawValue, type: matrix.type.rawValue, weights: matrix.storage, rowCount: matrix.rowCount,
        columnCount: columns, panels: 0..<matrix.panelCount, x: count > 1 ? tiles : x, tokenCount: count,
        tiles: 0..<alora_tile_count(count), y: y, stride: matrix.rowCount))
  }
}
