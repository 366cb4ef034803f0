package import AloraSystem
internal import CAloraKernels

/// Elements of a type, as f32 and back. Widening is exact (but for F64, which rounds); narrowing rounds once, to nearest
/// even.
///
/// Contract of every buffer here: it holds whole elements of the type that is named beside it, at any alignment. The count
/// is checked before the kernels see a pointer.
package enum ElementConversion {
  /// Whether ``widen(_:_:count:into:)`` reads this type.
  package static func canWiden(_ dtype: DType) -> Bool {
    [.f32, .f16, .bf16, .f64].contains(dtype) || blockFormat(dtype) != nil || isCodebookFormat(dtype)
      || EightBitFloat(dtype) != nil
  }

  /// The kernels' number of a block format; nil for one without a kernel.
  private static func blockFormat(_ dtype: DType) -> alora_type? {
    guard dtype.isBlockFormat, let id = dtype.ggmlTypeID else { return nil }
    let format = alora_type(rawValue: id)
    return alora_type_supported(format) != 0 ? format : nil
  }

  /// Whether it is a block format that no matrix kernel reads, and that can be widened.
  private static func isCodebookFormat(_ dtype: DType) -> Bool {
    dtype.ggmlTypeID.map { alora_widens_block($0) != 0 } ?? false
  }

  /// Widens the first `count` elements in `bytes` to f32.
  ///
  /// - Parameter values: becomes `count` elements long.
  /// - Precondition: ``canWiden(_:)``, and `bytes` holds `count` elements of `dtype`.
  package static func widen(_ bytes: [UInt8], _ dtype: DType, count: Int, into values: inout [Float]) {
    guard let byteCount = dtype.byteCount(elementCount: count), byteCount <= bytes.count else {
      preconditionFailure("fewer bytes than elements")
    }
    unsafe bytes.withUnsafeBytes { source in
      unsafe fill(&values, count: count) { target in
        guard let from = source.baseAddress, let to = target.baseAddress else { return }
        switch dtype {
        case .f16: unsafe alora_widen_f16(from.assumingMemoryBound(to: UInt16.self), to, count)
        case .bf16: unsafe alora_widen_bf16(from.assumingMemoryBound(to: UInt16.self), to, count)
        case .f32: unsafe UnsafeMutableRawPointer(to).copyMemory(from: from, byteCount: byteCount)
        case .f64:
          for index in 0..<count {
            unsafe to[index] = Float(from.loadUnaligned(fromByteOffset: 8 * index, as: Double.self))
          }
        default: unsafe widenOther(from, dtype, count: count, into: to)
        }
      }
    }
  }

  /// Makes an array `count` elements long and has `body` write all of them. Nothing is set to 0 first, and the array's memory is
  /// used again if there is enough of it.
  static func fill<Element: BitwiseCopyable>(
    _ values: inout [Element], count: Int, _ body: (UnsafeMutableBufferPointer<Element>) -> Void
  ) {
    values.removeAll(keepingCapacity: true)
    values.append(addingCapacity: count) { span in
      unsafe span.withUnsafeMutableBufferPointer { buffer, written in
        unsafe body(UnsafeMutableBufferPointer(rebasing: buffer[..<count]))
        written = count
      }
    }
  }

  /// Reads elements of a tensor, counted from its first, and widens them to f32.
  ///
  /// - Parameter values: becomes as long as the range.
  /// - Throws: ``FileError`` `changed` if the file has become shorter.
  /// - Precondition: ``canWiden(_:)``, and the range is whole blocks of the tensor.
  package static func widen(
    _ tensor: TensorDescription, _ range: Range<Int>, in file: MappedFile, into values: inout [Float]
  ) throws(FileError) {
    guard let start = tensor.dtype.byteCount(elementCount: range.lowerBound),
      let end = tensor.dtype.byteCount(elementCount: range.upperBound), end <= tensor.byteRange.count
    else { preconditionFailure("parts of blocks, or elements outside of the tensor") }
    let first = tensor.byteRange.lowerBound
    widen(try file.read((first + start)..<(first + end)), tensor.dtype, count: range.count, into: &values)
  }

  /// As ``widen(_:_:count:into:)``, for block formats and floats of eight bits.
  private static func widenOther(
    _ from: UnsafeRawPointer, _ dtype: DType, count: Int, into to: UnsafeMutablePointer<Float>
  ) {
    if let format = blockFormat(dtype) {
      unsafe alora_dequantize(format, from, to, count)
    } else if let float = EightBitFloat(dtype) {
      for index in 0..<count { unsafe to[index] = float.values[Int(from.load(fromByteOffset: index, as: UInt8.self))] }
    } else if isCodebookFormat(dtype), let type = dtype.ggmlTypeID {
      let (elements, bytes) = (dtype.block.elementCount, dtype.block.bitCount / 8)
      for block in 0..<(count / elements) {
        unsafe alora_widen_block(
          type, from.assumingMemoryBound(to: UInt8.self) + block * bytes, to + block * elements)
      }
    } else {
      preconditionFailure("\(dtype) cannot be widened")
    }
  }

  /// The largest magnitude in `bytes`, without widening them; NaN counts as larger than infinity. Nil for types other than
  /// F32, F16 and BF16.
  package static func largestMagnitude(_ bytes: [UInt8], _ dtype: DType) -> Float? {
    unsafe bytes.withUnsafeBytes { bytes in
      switch dtype {
      case .f32:
        let floats = unsafe bytes.bindMemory(to: Float.self)
        return unsafe Float(bitPattern: alora_largest_magnitude_bits(floats.baseAddress, floats.count))
      case .f16, .bf16:
        let halves = unsafe bytes.bindMemory(to: UInt16.self)
        let bits = unsafe UInt16(truncatingIfNeeded: alora_largest_magnitude_bits_16(halves.baseAddress, halves.count))
        var largest: Float = 0
        unsafe dtype == .f16 ? alora_widen_f16([bits], &largest, 1) : alora_widen_bf16([bits], &largest, 1)
        return largest
      default: return nil
      }
    }
  }

  /// The largest magnitude of the values; NaN counts as larger than infinity.
  package static func largestMagnitude(_ values: [Float]) -> Float {
    unsafe values.withUnsafeBufferPointer {
      unsafe Float(bitPattern: alora_largest_magnitude_bits($0.baseAddress, $0.count))
    }
  }

  /// Multiplies every value by `factor`, rounding once.
  ///
  /// - Returns: how many products were not exact.
  package static func scale(_ values: inout [Float], by factor: Double) -> Int {
    unsafe values.withUnsafeMutableBufferPointer { unsafe alora_scale($0.baseAddress, $0.count, factor) }
  }
}
