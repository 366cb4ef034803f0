internal import AloraAdapters
internal import AloraGGUF
internal import AloraModels
internal import AloraSystem
internal import AloraTensors

/// The buffers of a conversion. A chunk is read, reordered, widened, scaled, checked, narrowed and written.
struct FactorEncoder {
  private let path: String
  private var source: [UInt8] = []
  private var reordered: [UInt8] = []
  private var values: [Float] = []
  private var output: [UInt8] = []
  private(set) var roundedElementCount = 0
  private(set) var foldedElementCount = 0
  /// The number of nonzero elements that became 0.
  private(set) var flushedElementCount = 0
  /// The largest magnitude of the current tensor, before and after narrowing.
  private var largestInSource: Float = 0
  private var largestInOutput: Float = 0

  init(path: String) { self.path = path }

  /// Ends a tensor.
  ///
  /// - Returns: whether all of its elements are 0, before and after narrowing.
  mutating func endTensor() -> (sourceIsZero: Bool, outputIsZero: Bool) {
    defer { (largestInSource, largestInOutput) = (0, 0) }
    return (largestInSource == 0, largestInOutput == 0)
  }

  mutating func read(_ file: MappedFile, at offset: Int, byteCount: Int) throws {
    try file.read(offset..<(offset + byteCount), into: &source)
  }

  /// Makes `bytes` the current chunk, and returns an old buffer for the next one.
  mutating func take(_ bytes: inout [UInt8]) { swap(&source, &bytes) }

  mutating func permuteRows(_ permutation: RowPermutation, rowByteCount: Int, rowCount: Int) {
    let byteCount = rowByteCount * rowCount
    precondition(byteCount <= source.count, "more rows than were read")
    reordered.removeAll(keepingCapacity: true)
    // Safe: a permutation's source rows are rows, both buffers hold `rowCount` of them, and each row is written.
    unsafe source.withUnsafeBytes { from in
      reordered.append(addingCapacity: byteCount) { output in
        unsafe output.withUnsafeMutableBufferPointer { to, written in
          guard let from = from.baseAddress, let to = UnsafeMutableRawPointer(to.baseAddress) else { return }
          for row in 0..<rowCount {
            let sourceRow = permutation.sourceRow(of: row)
            precondition(sourceRow >= 0 && sourceRow < rowCount, "a row from outside the chunk")
            unsafe (to + row * rowByteCount).copyMemory(from: from + sourceRow * rowByteCount, byteCount: rowByteCount)
          }
          written = byteCount
        }
      }
    }
    swap(&source, &reordered)
  }

  /// Fills the buffer with the transpose of a run of columns.
  mutating func gather(
    _ file: MappedFile, _ tensor: TensorDescription, columns: Range<Int>, elementByteCount: Int
  ) throws {
    let (rowCount, rowByteCount) = (tensor.shape.rowCount, tensor.shape.columnCount * elementByteCount)
    reordered.resize(to: columns.count * rowCount * elementByteCount)
    for row in 0..<rowCount {
      let offset = tensor.byteRange.lowerBound + row * rowByteCount + columns.lowerBound * elementByteCount
      try read(file, at: offset, byteCount: columns.count * elementByteCount)
      for column in 0..<columns.count {
        let (from, to) = (column * elementByteCount, (column * rowCount + row) * elementByteCount)
        for byte in 0..<elementByteCount { reordered[to + byte] = source[from + byte] }
      }
    }
    swap(&source, &reordered)
  }

  /// Turns the bytes in the buffer into elements of the output and writes them.
  ///
  /// - Throws: ``AdapterError`` `notFinite`; ``ConversionError`` `overflow`; ``FileError``.
  mutating func write(_ tensor: ConversionPlan.Tensor, elementCount: Int, to writer: GGUFWriter) throws {
    if tensor.source.dtype == tensor.dtype && tensor.factor == 1,
      let largest = ElementConversion.largestMagnitude(source, tensor.dtype)
    {
      // Nothing changes, so nothing needs to be copied.
      try check(tensor, largest: largest)
      note(largest, largest)
      return try writer.write(unsafe source.span.bytes, of: tensor.name)
    }
    ElementConversion.widen(source, tensor.source.dtype, count: elementCount, into: &values)
    if tensor.factor != 1 {
      foldedElementCount += elementCount
      roundedElementCount += ElementConversion.scale(&values, by: tensor.factor)
    }
    let largest = ElementConversion.largestMagnitude(values)
    try check(tensor, largest: largest)
    ElementConversion.narrow(values, to: tensor.dtype, into: &output)
    noteFlushed(largest, tensor.dtype)
    try writer.write(unsafe output.span.bytes, of: tensor.name)
  }

  private mutating func note(_ source: Float, _ output: Float) {
    largestInSource = max(largestInSource, source)
    largestInOutput = max(largestInOutput, output)
  }

  /// Counts the values that narrowing made 0. In Q8_0, small values beside large ones are always 0, so only whole blocks count,
  /// if their scale is too small for F16.
  private mutating func noteFlushed(_ largest: Float, _ dtype: DType) {
    switch dtype {
    case .f16, .bf16:
      note(largest, ElementConversion.largestMagnitude(output, dtype) ?? largest)
      for (index, value) in values.enumerated()
      where value != 0 && output[2 * index] == 0 && output[2 * index + 1] & 0x7F == 0 { flushedElementCount += 1 }
    case .q8_0:
      var isZero = true
      for block in 0..<(values.count / 32) {
        if output[34 * block] != 0 || output[34 * block + 1] & 0x7F != 0 {
          isZero = false
        } else {
          flushedElementCount += values[(32 * block)..<(32 * block + 32)].count { $0 != 0 }
        }
      }
      note(largest, isZero ? 0 : largest)
    default: note(largest, largest)
    }
  }

  private func check(_ tensor: ConversionPlan.Tensor, largest: Float) throws {
    guard largest.isFinite else {
      if tensor.factor != 1, let own = ElementConversion.largestMagnitude(source, tensor.source.dtype), own.isFinite {
        throw ConversionError(
          .overflow, path: path, place: "tensor \(tensor.source.name)",
          problem: "folding the scaling into it gives \(own) × \(tensor.factor), more than F32 can represent",
          remedy: "check the adapter's alpha and rank")
      }
      throw AdapterError.notFinite(path, tensor: tensor.source.name)
    }
    guard let limit = ElementConversion.limit(of: tensor.dtype), largest >= limit else { return }
    throw ConversionError(
      .overflow, path: path, place: "tensor \(tensor.source.name)",
      problem: "it contains \(largest), which \(tensor.dtype) can't represent", remedy: .outputType("f32"))
  }
}

extension [UInt8] {
  /// Makes the buffer as long as `count`. Bytes that it had stay, and the others are 0.
  mutating func resize(to count: Int) {
    if self.count > count {
      removeLast(self.count - count)
    } else if self.count < count {
      self += [UInt8](repeating: 0, count: count - self.count)
    }
  }
}
