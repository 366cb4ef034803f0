/// Rows of floats in one of the evaluator's buffers.
///
/// Every buffer of a ``Pass`` keeps this contract, which makes its pointers safe to use: it has `columnCount` floats for
/// each row of the pass; it lives until the evaluator's next pass begins; and while several threads work, each row is
/// written by one of them, and read by others only after all have finished.
@safe struct Rows {
  let base: UnsafeMutablePointer<Float>
  let columnCount: Int

  init(_ base: UnsafeMutablePointer<Float>, columnCount: Int) {
    unsafe self.base = unsafe base
    self.columnCount = columnCount
  }

  /// The address of a row.
  subscript(row: Int) -> UnsafeMutablePointer<Float> { unsafe base + row * columnCount }

  /// The same memory as rows of another width.
  func with(columnCount: Int) -> Rows { unsafe Rows(base, columnCount: columnCount) }
}
