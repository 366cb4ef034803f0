internal import AloraModels
internal import AloraTensors

/// The source of each element in a stack of matrices: element (e, i, j) is at a sum of strides in slice e's source.
///
/// Units: strides and offsets count elements.
struct Gather: Hashable, Sendable {
  /// One for each slice, nil for a slice of zeros; or one for all slices.
  let sources: [TensorDescription?]
  let isShared: Bool
  let sliceCount: Int
  let rowCount: Int
  let columnCount: Int
  let sliceStride: Int
  let rowStride: Int
  let columnStride: Int
  /// The source's row that row 0 of `rowOrder` counts from.
  let firstRow: Int
  let rowOrder: RowPermutation
  let columnOrder: RowPermutation
  /// Runs of rows with a factor of their own, or nothing.
  let rowFactors: [WeightTarget.RowFactor]

  func source(ofSlice slice: Int) -> TensorDescription? { isShared ? sources[0] : sources[slice] }

  /// The offset of a row's first element within the source, without the column's part.
  func rowOffset(slice: Int, row: Int) -> Int {
    (isShared ? slice * sliceStride : 0) + (firstRow + rowOrder.sourceRow(of: row)) * rowStride
  }
}

extension Gather {
  /// The columns of an A factor in the order of the target's columns; nil if nothing moves.
  init?(columnsOf a: TensorDescription, _ target: WeightTarget) {
    guard target.columns != .none else { return nil }
    self.init(
      matrix: a, rowCount: a.shape.rowCount, columnCount: a.shape.columnCount, firstRow: 0, rowOrder: .none,
      columnOrder: target.columns, rowFactors: [])
  }

  /// The rows of a B factor in the order of the target's rows; nil if that's a range or halves that become pairs.
  init?(rowsOf b: TensorDescription, _ target: WeightTarget) {
    let isOrdered = if case .order = target.permutation { true } else { false }
    guard isOrdered || !target.factors.isEmpty else { return nil }
    self.init(
      matrix: b, rowCount: target.rowCount, columnCount: b.shape.columnCount, firstRow: target.rows.lowerBound,
      rowOrder: target.permutation, columnOrder: .none, rowFactors: target.factors)
  }

  private init(
    matrix: TensorDescription, rowCount: Int, columnCount: Int, firstRow: Int, rowOrder: RowPermutation,
    columnOrder: RowPermutation, rowFactors: [WeightTarget.RowFactor]
  ) {
    sources = [matrix]
    isShared = true
    sliceCount = 1
    self.rowCount = rowCount
    self.columnCount = columnCount
    sliceStride = 0
    rowStride = matrix.shape.columnCount
    columnStride = 1
    self.firstRow = firstRow
    self.rowOrder = rowOrder
    self.columnOrder = columnOrder
    self.rowFactors = rowFactors
  }
}
