internal import AloraModels
internal import CAloraKernels

/// A matrix that stays in its file. A multiplication reads and packs a few panels at a time, uses them while they are in
/// the CPU's cache, and drops them. For weights that are used once, this is faster than loading all of them.
///
/// Safe to share between threads: only the first failure ever changes, and a lock protects it. The caller provides the
/// working memory.
final class StreamedMatrix: Sendable {
  private let source: RowSource
  private let type: alora_type
  /// Panels read together, at most as many as the matrix has. They hold whole blocks of the permutation, and come in pairs,
  /// which the kernels compute fastest.
  private let panelsTogether: Int
  let failures: Failures

  init(_ source: RowSource, type: alora_type, failures: Failures) {
    self.source = source
    self.type = type
    self.failures = failures
    let panelRows = Int(ALORA_PANEL_ROWS)
    panelsTogether = min(
      leastCommonMultiple(2 * panelRows, source.rowsTogether) / panelRows,
      alora_panel_count(source.rows.count))
  }

  private var pieceByteCount: Int { panelsTogether * Int(ALORA_PANEL_ROWS) * source.rowByteCount }

  /// Packed, some types are larger than in their file.
  private var packedByteCount: Int {
    (panelsTogether * alora_panel_byte_count(type, source.columnCount) + 63) / 64 * 64
  }

  /// What reading needs, at a multiple of 64.
  private var readingByteCount: Int {
    let rowCount = panelsTogether * Int(ALORA_PANEL_ROWS)
    return (source.scratchByteCount(rowCount: rowCount) + 63) / 64 * 64
  }

  /// Bytes that ``forEachPart(of:in:_:)`` works in: rows in the graph's order, packed, and as they are read.
  var scratchByteCount: Int { pieceByteCount + packedByteCount + readingByteCount }

  /// Calls `body` with packed panels that together are `panels`, and with the number of the first of them. After a failure
  /// (see `failures`), with nothing more.
  ///
  /// - Parameter scratch: `scratchByteCount` bytes at a multiple of 64.
  func forEachPart(
    of panels: Range<Int>, in scratch: UnsafeMutableRawPointer,
    _ body: (_ packed: UnsafeRawPointer, _ panels: Range<Int>) -> Void
  ) {
    let (panelRows, rowBytes) = (Int(ALORA_PANEL_ROWS), source.rowByteCount)
    let (packed, reading) = unsafe (scratch + pieceByteCount, scratch + pieceByteCount + packedByteCount)
    var first = panels.lowerBound / panelsTogether * panelsTogether
    while first < panels.upperBound {
      let rows = (first * panelRows)..<min(source.rows.count, (first + panelsTogether) * panelRows)
      // Safe: the scratch memory holds the rows of `panelsTogether` panels, the panels, and what reading the rows needs.
      do { try unsafe source.read(rows, into: scratch, scratch: reading) } catch {
        return failures.note(error)
      }
      let part = panels.clamped(to: first..<(first + panelsTogether))
      let skipped = (part.lowerBound - first) * panelRows
      unsafe alora_pack(
        type, scratch + skipped * rowBytes, rows.count - skipped, source.columnCount, 0, part.count, packed)
      unsafe body(packed, part)
      first += panelsTogether
    }
  }
}

func leastCommonMultiple(_ a: Int, _ b: Int) -> Int {
  var (x, y) = (a, max(b, 1))
  while y != 0 { (x, y) = (y, x % y) }
  return a / x * max(b, 1)
}
