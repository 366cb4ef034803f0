internal import AloraAdapters
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
  /// Whether the tensor is a stack, of however many slices.
  var isStacked = false

  var firstSource: TensorDescription? { sources.lazy.compactMap(\.self).first }
  var elementByteCount: Int? { firstSource?.dtype.byteCount(elementCount: 1) }
  /// Whether the slices are innermost in the source.
  var isInterleaved: Bool { isShared && sliceCount > 1 && sliceStride == 1 }
  /// How many rows make a chunk.
  var chunkRowCount: Int { max(1, GatherReader.chunkByteCount / max(1, columnCount * (elementByteCount ?? 4))) }

  func source(ofSlice slice: Int) -> TensorDescription? { isShared ? sources[0] : sources[slice] }

  /// The offset of a row's first element within the source, without the column's part.
  func rowOffset(slice: Int, row: Int) -> Int {
    (isShared ? slice * sliceStride : 0) + (firstRow + rowOrder.sourceRow(of: row)) * rowStride
  }
}

extension Gather {
  /// All rows of an A factor, in the order of the target's columns.
  init(a pair: FactorPair, _ target: WeightTarget) {
    self.init(
      matrix: pair.a, isTransposed: pair.hasInputRows, rowCount: pair.rank, columnCount: pair.inputCount, firstRow: 0,
      rowOrder: .none, columnOrder: target.columns, rowFactors: [])
  }

  /// A target's rows of a B factor.
  init(b pair: FactorPair, _ target: WeightTarget) {
    self.init(
      matrix: pair.b, isTransposed: pair.isOutputMinor, rowCount: target.rowCount, columnCount: pair.rank,
      firstRow: target.rows.lowerBound, rowOrder: target.permutation, columnOrder: .none, rowFactors: target.factors)
  }

  /// The rows of an A factor that is stored by columns, or its columns in the order of the target's; nil if nothing moves.
  init?(columnsOf pair: FactorPair, _ target: WeightTarget) {
    // A of an embedding is stored as GGUF has it, or transposed without a gather.
    guard !pair.isEmbedding, target.columns != .none || pair.hasInputRows else { return nil }
    self.init(a: pair, target)
  }

  /// The rows of a B factor in the order of the target's rows; nil if that's a range or halves that become pairs.
  init?(rowsOf pair: FactorPair, _ target: WeightTarget) {
    let isOrdered = if case .order = target.permutation { true } else { false }
    guard isOrdered || !target.factors.isEmpty || pair.isOutputMinor else { return nil }
    self.init(b: pair, target)
  }

  private init(
    matrix: TensorDescription, isTransposed: Bool, rowCount: Int, columnCount: Int, firstRow: Int,
    rowOrder: RowPermutation, columnOrder: RowPermutation, rowFactors: [WeightTarget.RowFactor]
  ) {
    sources = [matrix]
    isShared = true
    sliceCount = 1
    self.rowCount = rowCount
    self.columnCount = columnCount
    sliceStride = 0
    rowStride = isTransposed ? 1 : matrix.shape.columnCount
    columnStride = isTransposed ? matrix.shape.columnCount : 1
    self.firstRow = firstRow
    self.rowOrder = rowOrder
    self.columnOrder = columnOrder
    self.rowFactors = rowFactors
  }
}
