internal import AloraSystem

/// Memory for the matrices of one model or adapter, side by side, in large pages if the system has them. Each token reads
/// all weights once; with small pages, much of the time would go into address translation.
///
/// Not thread-safe. The memory lives as long as the arena.
@safe final class WeightArena: @unchecked Sendable {
  private var chunks: [UnsafeMutableRawPointer] = unsafe []
  private var free = unsafe UnsafeMutableRawBufferPointer(start: nil, count: 0)
  private let chunkByteCount: Int
  private var pieces: [UnsafeMutableRawPointer] = unsafe []
  private var pieceByteCount = 0
  private static let pageByteCount = 1 << 21

  /// - Parameter byteCount: approximately how much will be allocated.
  init(byteCount: Int) { chunkByteCount = min(max(byteCount, 1 << 16), 1 << 28) }

  deinit {
    endLoading()
    unsafe chunks.forEach { unsafe $0.deallocate() }
  }

  /// Memory for each of `threadCount` threads to read pieces of a file into; its earlier contents may be lost. The
  /// same memory serves one matrix after another, so that its pages are reused.
  func pieces(threadCount: Int, byteCount: Int) -> [UnsafeMutableRawPointer] {
    if unsafe byteCount > pieceByteCount || pieces.count < threadCount {
      endLoading()
      pieceByteCount = byteCount
      unsafe pieces = (0..<threadCount).map { _ in
        UnsafeMutableRawPointer.allocate(byteCount: max(byteCount, 64), alignment: 64)
      }
    }
    return unsafe pieces
  }

  /// Frees the memory of the pieces.
  func endLoading() {
    unsafe pieces.forEach { unsafe $0.deallocate() }
    unsafe pieces = []
    pieceByteCount = 0
  }

  /// Memory at a multiple of 64 bytes, with undefined contents.
  func allocate(byteCount: Int) -> UnsafeMutableRawPointer {
    let needed = (max(byteCount, 1) + 63) / 64 * 64
    if unsafe free.count < needed {
      let size = max(needed, chunkByteCount)
      let isLarge = size >= Self.pageByteCount
      let chunk = UnsafeMutableRawPointer.allocate(byteCount: size, alignment: isLarge ? Self.pageByteCount : 64)
      #if os(Linux)
        // Only a hint, so a failure doesn't matter.
        if isLarge { _ = unsafe madvise(chunk, size, MADV_HUGEPAGE) }
      #endif
      unsafe chunks.append(chunk)
      unsafe free = UnsafeMutableRawBufferPointer(start: chunk, count: size)
    }
    guard let start = unsafe free.baseAddress else { preconditionFailure("an arena without memory") }
    unsafe free = UnsafeMutableRawBufferPointer(rebasing: free[needed...])
    return unsafe start
  }
}
