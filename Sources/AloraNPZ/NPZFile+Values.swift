internal import AloraTensors

extension NPZFile {
  /// The elements of a floating-point array in row-major order, rounded to nearest if they are F64.
  ///
  /// - Throws: `missingArray`, `wrongType`, `tooLarge`, `corruptData`, `checksumMismatch`, ``FileError``.
  package func floats(named name: String) throws -> [Float] {
    let array = try array(named: name)
    let convert = try floatConversion(array)
    return try values(of: array, convert)
  }

  /// The elements of an array of integers or Booleans in row-major order.
  ///
  /// - Throws: `missingArray`, `wrongType`, `valueOutOfRange`, `tooLarge`, `corruptData`, `checksumMismatch`, ``FileError``.
  package func integers(named name: String) throws -> [Int] {
    let array = try array(named: name)
    guard case .number(let dtype) = array.element, !dtype.isFloatingPoint else {
      throw failure(.wrongType, name, "expected integers, found elements of type \(array.typeName)")
    }
    let isSigned = [.i8, .i16, .i32, .i64].contains(dtype)
    let values = try values(of: array) { bits, width -> Int in
      // Shifted up and back, the sign spreads over the upper bits.
      isSigned ? Int(truncatingIfNeeded: bits << (64 - width)) >> (64 - width) : Int(truncatingIfNeeded: bits)
    }
    if dtype == .u64, values.contains(where: { $0 < 0 }) {
      throw failure(.valueOutOfRange, name, "an element is larger than \(Int.max)")
    }
    return values
  }

  /// The only element of an array of integers.
  ///
  /// - Throws: as ``integers(named:)``; `wrongShape` if there is more than one.
  package func integer(named name: String) throws -> Int {
    let values = try integers(named: name)
    guard values.count == 1 else {
      throw failure(.wrongShape, name, "expected one number, found an array of \(values.count)")
    }
    return values[0]
  }

  /// The only element of an array of byte strings (UTF-8) or text, without the NULs that NumPy pads it with.
  ///
  /// An array of U8 is read as UTF-8, too; people write that to avoid the padding.
  /// - Throws: `missingArray`, `wrongType`, `wrongShape`, `invalidText`, `tooLarge`, `corruptData`, `checksumMismatch`,
  ///   ``FileError``.
  package func text(named name: String) throws -> String {
    let array = try array(named: name)
    let isBytes = array.element == .number(.u8) && array.shape.rank == 1
    guard array.shape.elementCount == 1 || isBytes else {
      throw failure(.wrongShape, name, "expected one text, found an array of shape \(array.shape)")
    }
    var bytes = try bytes(of: array)
    switch array.element {
    case .number(.u8): break
    case .number: throw failure(.wrongType, name, "expected text, found elements of type \(array.typeName)")
    case .bytes: bytes.removeLast(bytes.reversed().prefix { $0 == 0 }.count)
    case .text:
      var scalars: [Unicode.Scalar] = []
      for start in stride(from: 0, to: bytes.count - 3, by: 4) {
        let unit = bytes[start..<(start + 4)]
        let value = (array.isBigEndian ? [UInt8](unit) : unit.reversed()).reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        guard let scalar = Unicode.Scalar(value) else {
          throw failure(.invalidText, name, "\(value) is not a Unicode character")
        }
        scalars.append(scalar)
      }
      scalars.removeLast(scalars.reversed().prefix { $0.value == 0 }.count)
      return String(String.UnicodeScalarView(scalars))
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw failure(.invalidText, name, "the bytes are not valid UTF-8")
    }
    return text
  }

  // MARK: Conversions

  /// From an element's bits, in the low end, and their number.
  typealias Conversion<Value> = (_ bits: UInt64, _ width: UInt64) -> Value

  func floatConversion(_ array: NPZArray) throws(NPZError) -> Conversion<Float> {
    switch array.element {
    case .number(.f32): return { bits, _ in Float(bitPattern: UInt32(truncatingIfNeeded: bits)) }
    case .number(.f64): return { bits, _ in Float(Double(bitPattern: bits)) }
    case .number(.f16): return { bits, _ in widened(UInt16(truncatingIfNeeded: bits)) }
    default:
      throw failure(.wrongType, array.name, "expected floating-point numbers, found elements of type \(array.typeName)")
    }
  }

  /// Throws if an array is too large to be read at once. A file a thousandth as large can declare such an array.
  func checkSize(_ array: NPZArray, elementCount: Int, stride: Int) throws(NPZError) {
    let (byteCount, overflow) = elementCount.multipliedReportingOverflow(by: stride)
    guard !overflow, byteCount <= limits.arrayByteCount else {
      throw failure(
        .tooLarge, array.name,
        "the array would take more than the \(limits.arrayByteCount) bytes that are read at once")
    }
  }

  private func bytes(of array: NPZArray) throws -> [UInt8] {
    try checkSize(array, elementCount: array.dataByteCount, stride: 1)
    return try stream(of: array).read(array.dataByteCount)
  }

  private func values<Value>(of array: NPZArray, _ convert: Conversion<Value>) throws -> [Value] {
    let count = array.shape.elementCount
    try checkSize(array, elementCount: count, stride: MemoryLayout<Value>.stride)
    let stream = try stream(of: array)
    let itemByteCount = array.element.byteCount ?? 1
    var values: [Value] = []
    values.reserveCapacity(count)
    while stream.remaining > 0 {
      // Whole elements: their widths divide the chunk.
      let chunk = try stream.read(min(stream.remaining, 1 << 16))
      append(chunk, itemByteCount: itemByteCount, isBigEndian: array.isBigEndian, to: &values, convert)
    }
    return array.isFortranOrder ? rowMajor(values, array.shape) : values
  }
}

extension NPZArray {
  /// `F32`, `S12`.
  package var typeName: String {
    if case .number(let dtype) = element { dtype.name } else { element.numpyName ?? "?" }
  }
}

/// Appends the elements in `bytes`, which are whole and 1, 2, 4 or 8 bytes wide.
func append<Value>(
  _ bytes: [UInt8], itemByteCount: Int, isBigEndian: Bool, to values: inout [Value],
  _ convert: NPZFile.Conversion<Value>
) {
  func append<Bits: FixedWidthInteger & BitwiseCopyable>(_: Bits.Type) {
    let span = bytes.span
    for start in stride(from: 0, to: bytes.count, by: itemByteCount) {
      // Safe: any bits are an integer; the load is checked against the end.
      let bits = unsafe span.bytes.unsafeLoadUnaligned(fromByteOffset: start, as: Bits.self)
      let value = isBigEndian ? Bits(bigEndian: bits) : Bits(littleEndian: bits)
      values.append(convert(UInt64(truncatingIfNeeded: value), UInt64(Bits.bitWidth)))
    }
  }
  switch itemByteCount {
  case 1: append(UInt8.self)
  case 2: append(UInt16.self)
  case 4: append(UInt32.self)
  default: append(UInt64.self)
  }
}

/// The values of an array in Fortran order (first index fastest), in C order (last index fastest).
func rowMajor<Value>(_ values: [Value], _ shape: Shape) -> [Value] {
  guard shape.rank > 1, values.count == shape.elementCount else { return values }
  var strides: [Int] = []
  var stride = 1
  for extent in shape.dimensions {
    strides.append(stride)
    stride *= max(extent, 1)
  }
  var position = [Int](repeating: 0, count: shape.rank)
  var source = 0
  var result: [Value] = []
  result.reserveCapacity(values.count)
  for _ in values.indices {
    result.append(values[source])
    // The next index in C order: the last axis that can grow does, and the axes after it restart at 0.
    var axis = shape.rank - 1
    while axis >= 0 {
      position[axis] += 1
      source += strides[axis]
      if position[axis] < shape.dimensions[axis] { break }
      source -= strides[axis] * position[axis]
      position[axis] = 0
      axis -= 1
    }
  }
  return result
}

/// The F32 of the same value: exact, with subnormals, infinities and the payloads of NaN.
func widened(_ half: UInt16) -> Float {
  let sign = UInt32(half & 0x8000) << 16
  let exponent = UInt32(half >> 10 & 0x1F)
  let fraction = UInt32(half & 0x3FF)
  switch exponent {
  case 0:
    let magnitude = Float(fraction) * 0x1p-24
    return Float(bitPattern: magnitude.bitPattern | sign)
  case 0x1F: return Float(bitPattern: sign | 0x7F80_0000 | fraction << 13)
  default: return Float(bitPattern: sign | (exponent + 112) << 23 | fraction << 13)
  }
}
