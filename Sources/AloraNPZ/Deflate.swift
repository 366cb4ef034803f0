internal import CZlib

/// Raw deflate streams. This is the only file that calls zlib.
///
/// A `z_stream` must stay where it is, since zlib keeps a pointer back to it: hence the allocations.
@safe final class Inflater {
  private let stream: UnsafeMutablePointer<z_stream>
  private var input: [UInt8] = []
  private var inputOffset = 0
  private(set) var isAtEnd = false

  /// Nil if zlib can't allocate its memory.
  init?() {
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    let status = unsafe inflateInit2_(stream, -15, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard status == Z_OK else {
      unsafe stream.deallocate()
      return nil
    }
  }

  deinit {
    _ = unsafe inflateEnd(stream)
    unsafe stream.deallocate()
  }

  /// Whether all input has been used.
  var needsInput: Bool { inputOffset == input.count }

  func supply(_ bytes: [UInt8]) {
    input = bytes
    inputOffset = 0
  }

  /// Appends inflated bytes to `output`, at most `limit`; nil if the input isn't a deflate stream.
  func inflate(into output: inout [UInt8], limit: Int) -> Int? {
    let start = output.count
    output += [UInt8](repeating: 0, count: limit)
    var produced = 0
    var consumed = 0
    var status = Z_OK
    // Safe: both buffers outlive the call, zlib keeps within the counts that it is given.
    unsafe output.withUnsafeMutableBufferPointer { output in
      unsafe input.withUnsafeMutableBufferPointer { input in
        unsafe stream.pointee.next_in = input.baseAddress.map { unsafe $0 + inputOffset }
        unsafe stream.pointee.avail_in = UInt32(truncatingIfNeeded: input.count - inputOffset)
        unsafe stream.pointee.next_out = output.baseAddress.map { unsafe $0 + start }
        unsafe stream.pointee.avail_out = UInt32(truncatingIfNeeded: limit)
        status = unsafe CZlib.inflate(stream, Z_NO_FLUSH)
        produced = limit - Int(unsafe stream.pointee.avail_out)
        consumed = input.count - inputOffset - Int(unsafe stream.pointee.avail_in)
      }
    }
    inputOffset += consumed
    output.removeLast(limit - produced)
    if status == Z_STREAM_END { isAtEnd = true }
    // Z_BUF_ERROR only means that more input is needed.
    return status == Z_OK || status == Z_STREAM_END || status == Z_BUF_ERROR ? produced : nil
  }
}

@safe final class Deflater {
  private let stream: UnsafeMutablePointer<z_stream>

  /// Nil if zlib can't allocate its memory.
  init?(level: Int) {
    unsafe stream = .allocate(capacity: 1)
    unsafe stream.initialize(to: z_stream())
    let status = unsafe deflateInit2_(
      stream, Int32(level), Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY, ZLIB_VERSION, Int32(MemoryLayout<z_stream>.size))
    guard status == Z_OK else {
      unsafe stream.deallocate()
      return nil
    }
  }

  deinit {
    _ = unsafe deflateEnd(stream)
    unsafe stream.deallocate()
  }

  /// The compressed bytes that are ready after `bytes`; with `isLast`, all remaining ones.
  func deflate(_ bytes: RawSpan, isLast: Bool) -> [UInt8] {
    var result: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 15)
    // Safe: zlib reads and writes within the counts that it is given; `next_in` is not kept beyond the call.
    unsafe bytes.withUnsafeBytes { input in
      unsafe stream.pointee.next_in = UnsafeMutablePointer(
        mutating: input.baseAddress?.assumingMemoryBound(to: UInt8.self))
      unsafe stream.pointee.avail_in = UInt32(truncatingIfNeeded: input.count)
      var isDone = false
      while !isDone {
        let capacity = chunk.count
        unsafe chunk.withUnsafeMutableBufferPointer { chunk in
          unsafe stream.pointee.next_out = chunk.baseAddress
          unsafe stream.pointee.avail_out = UInt32(truncatingIfNeeded: capacity)
          _ = unsafe CZlib.deflate(stream, isLast ? Z_FINISH : Z_NO_FLUSH)
        }
        let produced = capacity - Int(unsafe stream.pointee.avail_out)
        result += chunk[..<produced]
        isDone = produced < capacity
      }
    }
    return result
  }
}

/// CRC-32 of the data so far, whose CRC-32 is `checksum`, followed by `bytes`.
func checksum(_ checksum: UInt32, of bytes: RawSpan) -> UInt32 {
  // Safe: read within the call only.
  unsafe bytes.withUnsafeBytes { bytes in
    guard let base = bytes.baseAddress else { return checksum }
    return UInt32(
      truncatingIfNeeded: unsafe crc32_z(UInt(checksum), base.assumingMemoryBound(to: UInt8.self), bytes.count))
  }
}
