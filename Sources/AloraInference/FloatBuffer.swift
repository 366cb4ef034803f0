internal import CAloraKernels

/// Memory for floats, with the alignment that the kernels need.
///
/// Safe to share while nobody writes; the graph writes to a buffer from one thread, or from several in disjoint parts.
@safe final class FloatBuffer: Sendable {
  nonisolated(unsafe) let base: UnsafeMutablePointer<Float>
  let count: Int

  /// - Parameter isZeroed: false leaves the contents undefined.
  init(count: Int, isZeroed: Bool = false) {
    self.count = count
    let raw = UnsafeMutableRawPointer.allocate(byteCount: max(count, 16) * 4, alignment: 64)
    unsafe base = unsafe raw.bindMemory(to: Float.self, capacity: max(count, 16))
    if isZeroed { unsafe base.initialize(repeating: 0, count: count) }
  }

  convenience init(_ values: [Float]) {
    self.init(count: values.count)
    for (index, value) in values.enumerated() { unsafe base[index] = value }
  }

  deinit { unsafe UnsafeMutableRawPointer(base).deallocate() }

  /// A copy as an array.
  var values: [Float] { unsafe Array(UnsafeBufferPointer(start: base, count: count)) }
}

/// A buffer that grows on demand and never shrinks.
@safe final class GrowingBuffer {
  private var buffer = FloatBuffer(count: 0)

  /// At least `count` floats, whose contents are undefined. The pointer is good until the next call.
  func reserve(_ count: Int) -> UnsafeMutablePointer<Float> {
    if buffer.count < count { buffer = FloatBuffer(count: count + count / 8) }
    return unsafe buffer.base
  }
}
