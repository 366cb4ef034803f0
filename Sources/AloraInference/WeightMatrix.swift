internal import AloraModels
internal import AloraSystem
internal import CAloraKernels

/// A matrix ready for products: packed at its own bits for the exact kernels, widened to f32 rows for BLAS, or left in its
/// file.
@safe final class WeightMatrix: Sendable {
  let type: alora_type
  let rowCount: Int
  let columnCount: Int
  /// True if `storage` holds plain f32 rows.
  let isDense: Bool
  let bias: FloatBuffer?
  /// Bytes in memory.
  let byteCount: Int
  /// Where the matrix stays in its file; `storage` is empty then.
  let streamed: StreamedMatrix?
  private let arena: WeightArena
  // Safe to share: written in init only. The arena keeps it.
  nonisolated(unsafe) let storage: UnsafeMutableRawPointer

  /// Reads and packs a matrix; threads share the work. Besides the packed matrix, each thread holds a piece of about a
  /// quarter of a megabyte, or two. A matrix that its file stores by columns is one piece. The file is read, not mapped, so
  /// its pages don't count as this process's memory.
  ///
  /// - Throws: `unsupportedType`; ``FileError``.
  init(_ source: RowSource, bias: FloatBuffer? = nil, isDense: Bool, pool: ThreadPool, arena: WeightArena) throws {
    let type = try source.kernelType()
    let (rowCount, columnCount) = (source.rows.count, source.columnCount)
    self.isDense = isDense
    self.type = isDense ? ALORA_TYPE_F32 : type
    self.rowCount = rowCount
    self.columnCount = columnCount
    self.bias = bias
    byteCount = isDense ? rowCount * columnCount * 4 : alora_packed_byte_count(type, rowCount, columnCount)
    let storage = unsafe arena.allocate(byteCount: byteCount)
    self.arena = arena
    streamed = nil
    unsafe self.storage = unsafe storage

    let panelRows = Int(ALORA_PANEL_ROWS)
    let unit = leastCommonMultiple(panelRows, source.rowsTogether)
    let chunkRows = max(1, (1 << 18) / max(1, unit * source.rowByteCount)) * unit
    let chunkCount = (rowCount + chunkRows - 1) / chunkRows
    let panelBytes = alora_panel_byte_count(type, columnCount)
    let failures = Failures()
    let pieceBytes = min(chunkRows, rowCount) * source.rowByteCount
    let pieces = unsafe arena.pieces(
      threadCount: pool.threadCount,
      byteCount: pieceBytes + source.scratchByteCount(rowCount: min(chunkRows, rowCount)))
    pool.run(tasks: chunkCount) { thread, chunk in
      // Safe: one piece for each thread.
      let piece = unsafe pieces[thread]
      let rows = (chunk * chunkRows)..<min(rowCount, (chunk + 1) * chunkRows)
      do { try unsafe source.read(rows, into: piece, scratch: piece + pieceBytes) } catch {
        return failures.note(error)
      }
      if isDense {
        let target = unsafe storage.assumingMemoryBound(to: Float.self) + rows.lowerBound * columnCount
        unsafe alora_dequantize(type, piece, target, rows.count * columnCount)
      } else {
        unsafe alora_pack(
          type, piece, rows.count, columnCount, 0, alora_panel_count(rows.count),
          storage + rows.lowerBound / panelRows * panelBytes)
      }
    }
    try failures.check()
  }

  /// A matrix that stays in its file.
  ///
  /// - Parameter failures: collects errors that occur later, when rows are read.
  /// - Throws: `unsupportedType`.
  init(streaming source: RowSource, bias: FloatBuffer?, failures: Failures, arena: WeightArena) throws {
    type = try source.kernelType()
    rowCount = source.rows.count
    columnCount = source.columnCount
    isDense = false
    self.bias = bias
    byteCount = 0
    streamed = StreamedMatrix(source, type: type, failures: failures)
    self.arena = arena
    unsafe storage = unsafe arena.allocate(byteCount: 0)
  }

  /// Another matrix's weights without its bias.
  init(withoutBias other: WeightMatrix) {
    type = other.type
    rowCount = other.rowCount
    columnCount = other.columnCount
    isDense = other.isDense
    bias = nil
    byteCount = other.byteCount
    streamed = other.streamed
    arena = other.arena
    unsafe storage = unsafe other.storage
  }

  /// A matrix of these numbers, row by row.
  ///
  /// - Parameter arena: where to put it; nil for memory of its own.
  init(_ values: [Float], rowCount: Int, columnCount: Int, isDense: Bool, arena: WeightArena? = nil) {
    precondition(values.count == rowCount * columnCount)
    self.isDense = isDense
    type = ALORA_TYPE_F32
    self.rowCount = rowCount
    self.columnCount = columnCount
    bias = nil
    streamed = nil
    byteCount = isDense ? values.count * 4 : alora_packed_byte_count(ALORA_TYPE_F32, rowCount, columnCount)
    let arena = arena ?? WeightArena(byteCount: byteCount)
    self.arena = arena
    unsafe storage = unsafe arena.allocate(byteCount: byteCount)
    // Safe: the array has as many numbers as the matrix, and the storage room for all of them.
    unsafe values.withUnsafeBytes { source in
      guard let start = source.baseAddress else { return }
      if isDense {
        unsafe storage.copyMemory(from: start, byteCount: byteCount)
      } else {
        unsafe alora_pack(ALORA_TYPE_F32, start, rowCount, columnCount, 0, alora_panel_count(rowCount), storage)
      }
    }
  }

  var panelCount: Int { alora_panel_count(rowCount) }
}
