internal import CAloraKernels

extension Evaluator {
  /// Runs `body` on parts of the rows, each on the next free thread.
  func forEachRow(_ count: Int, _ body: @escaping (_ rows: Range<Int>) -> Void) {
    run(count) { tiles in body(self.tokens(ofTiles: tiles, of: count)) }
  }

  /// Runs `body` on parts of the rows, and packs each part of `x` for the following products while it is in the cache.
  func forEachRow(_ count: Int, packing x: Rows, in pass: Pass, _ body: @escaping (_ rows: Range<Int>) -> Void) {
    guard packs(count) else { return forEachRow(count, body) }
    run(count) { tiles in
      for tile in tiles {
        body(self.tokens(ofTiles: tile..<(tile + 1), of: count))
        self.pack(x, count, tile, pass)
      }
    }
  }

  /// Packs rows of `x` for the products that follow.
  func pack(_ x: Rows, count: Int, in pass: Pass) {
    guard packs(count) else { return }
    run(count) { tiles in
      for tile in tiles { self.pack(x, count, tile, pass) }
    }
  }

  private func pack(_ x: Rows, _ count: Int, _ tile: Int, _ pass: Pass) {
    unsafe alora_pack_activations(x.base, x.columnCount, count, x.columnCount, tile, 1, pass.packed)
  }

  /// Not needed for a single row, nor for BLAS, which reads rows.
  private func packs(_ count: Int) -> Bool { count > 1 && model.blas == nil }

  private func run(_ count: Int, _ body: @escaping (_ tiles: Range<Int>) -> Void) {
    let tileCount = alora_tile_count(count)
    let size = max(1, tileCount / (4 * pool.threadCount))
    pool.run(tasks: (tileCount + size - 1) / size) { _, task in
      body((task * size)..<min((task + 1) * size, tileCount))
    }
  }

  /// The tokens in some tiles, out of `count`.
  func tokens(ofTiles tiles: Range<Int>, of count: Int) -> Range<Int> {
    alora_tile_first_token(tiles.lowerBound, count)..<alora_tile_first_token(tiles.upperBound, count)
  }
}
