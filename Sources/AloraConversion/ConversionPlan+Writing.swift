internal import AloraModels
internal import AloraSystem
internal import AloraGGUF
internal import AloraAdapters
internal import AloraTensors
internal import CAloraKernels

/// What a finished conversion tells.
public struct ConversionSummary: Hashable, Sendable {
  /// The size of the file.
  public let byteCount: Int
  /// How many elements of `lora_b` were rounded when a scaling was folded into them; 0 where folding was exact.
  public let roundedElementCount: Int
  /// How many elements a scaling was folded into.
  public let foldedElementCount: Int
}

extension ConversionPlan {
  /// Writes the file: complete, or not at all. Never holds more than a few chunks of one tensor in memory.
  ///
  /// - Parameters:
  ///   - path: where the file appears.
  ///   - progress: called with the bytes written so far.
  /// - Throws: ``FileError``; ``PEFTError`` `notFinite`; ``ConversionError`` (`overflow`, `outputIsInput`).
  /// - Complexity: O(bytes), with one pass over the adapter for each GGUF tensor that a module becomes.
  public func write(
    to path: String, replacesExisting: Bool, progress: (Int) -> Void = { _ in }
  ) throws -> ConversionSummary {
    if let name = inputName(ofOutput: path) {
      throw ConversionError(
        .outputIsInput, path: path, problem: "the output would replace \(name), which is read for it",
        remedy: "give another --outfile")
    }
    let writer = try GGUFWriter(path: path, replacesExisting: replacesExisting, layout: layout)
    var encoder = FactorEncoder(path: adapter.weightsPath)
    for (tensor, place) in zip(tensors, layout.tensors) {
      if tensor.isTransposed {
        try writeTransposed(tensor, writer, &encoder)
      } else {
        try writeRows(tensor, writer, &encoder)
      }
      progress(place.byteRange.upperBound)
    }
    try writer.finish()
    return ConversionSummary(
      byteCount: layout.byteCount, roundedElementCount: encoder.roundedElementCount,
      foldedElementCount: encoder.foldedElementCount)
  }

  /// Which input an output at `path` would replace.
  private func inputName(ofOutput path: String) -> String? {
    if adapter.weights.isSameFile(asPath: path) { return "the adapter's weights" }
    return inputs.first { FileSystem.isSameFile($0.path, path) }?.name
  }

  static func inputs(_ adapter: AdapterDirectory, base: BaseModel, options: Options) -> [Input] {
    var inputs = [
      Input("the adapter's adapter_config.json", path: adapter.configurationPath),
      Input("the adapter's README.md", path: adapter.path + "/README.md"),
    ]
    if let path = base.path {
      inputs.append(Input(path.hasSuffix("config.json") ? "the base's config.json" : "the base", path: path))
    }
    return inputs + options.inputs
  }

  /// How many bytes of the source are handled at a time: small enough for the second-level cache.
  private static var chunkByteCount: Int { 1 << 18 }

  private func writeRows(_ tensor: Tensor, _ writer: GGUFWriter, _ encoder: inout FactorEncoder) throws {
    let columns = tensor.source.shape.columnCount
    guard let rowByteCount = tensor.source.dtype.byteCount(elementCount: columns), rowByteCount > 0 else { return }
    let block = tensor.permutation.blockRowCount
    let chunkRows = max(1, Self.chunkByteCount / rowByteCount / block) * block
    let base = tensor.source.byteRange.lowerBound + tensor.rows.lowerBound * rowByteCount
    var first = 0
    while first < tensor.rows.count {
      let count = min(chunkRows, tensor.rows.count - first)
      try encoder.read(adapter.weights, at: base + first * rowByteCount, byteCount: count * rowByteCount)
      if tensor.permutation != .none {
        encoder.permuteRows(tensor.permutation, rowByteCount: rowByteCount, rowCount: count)
      }
      try encoder.write(tensor, elementCount: count * columns, to: writer)
      first += count
    }
  }

  /// Columns become rows: each run of columns is gathered from all rows.
  private func writeTransposed(_ tensor: Tensor, _ writer: GGUFWriter, _ encoder: inout FactorEncoder) throws {
    let (rows, columns) = (tensor.source.shape.rowCount, tensor.source.shape.columnCount)
    guard let elementByteCount = tensor.source.dtype.byteCount(elementCount: 1) else { return }
    let run = max(1, Self.chunkByteCount / (rows * elementByteCount))
    var first = 0
    while first < columns {
      let count = min(run, columns - first)
      try encoder.gather(
        adapter.weights, tensor.source, columns: first..<(first + count), elementByteCount: elementByteCount)
      try encoder.write(tensor, elementCount: count * rows, to: writer)
      first += count
    }
  }
}

/// The buffers of a conversion, and the way of a chunk through them: read, reorder, widen, scale, check, narrow, write.
struct FactorEncoder {
  private let path: String
  private var source: [UInt8] = []
  private var reordered: [UInt8] = []
  private var values: [Float] = []
  private var output: [UInt8] = []
  private(set) var roundedElementCount = 0
  private(set) var foldedElementCount = 0

  init(path: String) { self.path = path }

  mutating func read(_ file: MappedFile, at offset: Int, byteCount: Int) throws {
    Self.resize(&source, to: byteCount)
    var elements = source.mutableSpan
    var bytes = unsafe elements.mutableBytes
    try file.read(at: offset, into: &bytes)
  }

  mutating func permuteRows(_ permutation: RowPermutation, rowByteCount: Int, rowCount: Int) {
    Self.resize(&reordered, to: source.count)
    precondition(rowByteCount * rowCount <= source.count, "more rows than were read")
    // Safe: a permutation's source rows are rows, and both buffers hold `rowCount` of them.
    unsafe source.withUnsafeBytes { from in
      unsafe reordered.withUnsafeMutableBytes { to in
        guard let from = from.baseAddress, let to = to.baseAddress else { return }
        for row in 0..<rowCount {
          let sourceRow = permutation.sourceRow(of: row)
          precondition(sourceRow >= 0 && sourceRow < rowCount, "a row from outside the chunk")
          unsafe (to + row * rowByteCount).copyMemory(from: from + sourceRow * rowByteCount, byteCount: rowByteCount)
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
    Self.resize(&reordered, to: columns.count * rowCount * elementByteCount)
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
  /// - Throws: ``PEFTError`` `notFinite`; ``ConversionError`` `overflow`; ``FileError``.
  mutating func write(_ tensor: ConversionPlan.Tensor, elementCount: Int, to writer: GGUFWriter) throws {
    if tensor.source.dtype == tensor.dtype && tensor.factor == 1, let largest = largestMagnitude(tensor.dtype) {
      // Nothing changes, so nothing is copied.
      try check(tensor, largest: largest)
      return try writer.write(unsafe source.span.bytes, of: tensor.name)
    }
    widen(tensor.source.dtype, elementCount)
    if tensor.factor != 1 {
      foldedElementCount += elementCount
      roundedElementCount += unsafe values.withUnsafeMutableBufferPointer {
        unsafe alora_scale($0.baseAddress, elementCount, tensor.factor)
      }
    }
    let bits = unsafe values.withUnsafeBufferPointer {
      unsafe alora_largest_magnitude_bits($0.baseAddress, elementCount)
    }
    try check(tensor, largest: Float(bitPattern: bits))
    try narrow(tensor.dtype, elementCount)
    try writer.write(unsafe output.span.bytes, of: tensor.name)
  }

  /// Of the elements in `source`, taken as `dtype`; nil for a dtype of which that is not known.
  private func largestMagnitude(_ dtype: DType) -> Float? {
    // Safe: an array's storage is aligned to 16 bytes, and only whole elements are counted.
    unsafe source.withUnsafeBytes { bytes in
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

  private mutating func widen(_ dtype: DType, _ count: Int) {
    if values.count != count { values = [Float](repeating: 0, count: count) }
    // Safe: `source` holds `count` elements of `dtype`, which its size was made for; the copies make them aligned.
    unsafe source.withUnsafeBytes { bytes in
      unsafe values.withUnsafeMutableBytes { target in
        switch dtype {
        case .f16, .bf16:
          let halves = unsafe bytes.bindMemory(to: UInt16.self).baseAddress
          let floats = unsafe target.bindMemory(to: Float.self).baseAddress
          if dtype == .f16 {
            unsafe alora_widen_f16(halves, floats, count)
          } else {
            unsafe alora_widen_bf16(halves, floats, count)
          }
        default: unsafe target.copyMemory(from: bytes)
        }
      }
    }
  }

  private func check(_ tensor: ConversionPlan.Tensor, largest: Float) throws {
    guard largest.isFinite else {
      if tensor.factor != 1, let own = largestMagnitude(tensor.source.dtype), own.isFinite {
        throw ConversionError(
          .overflow, path: path, place: "tensor \(tensor.source.name)",
          problem: "the scaling is folded into it, and \(own) times \(tensor.factor) is more than F32 holds",
          remedy: "look at the alpha and the rank that the adapter states")
      }
      throw PEFTError(
        .notFinite, path: path, place: "tensor \(tensor.source.name)", problem: "it holds NaN or infinity",
        remedy: "the training has diverged: use an earlier checkpoint")
    }
    let limit: Float? =
      switch tensor.dtype {
      case .f16: 65520
      case .bf16: 0x1.ffp127
      case .q8_0: 65520 * 127
      default: nil
      }
    guard let limit, largest >= limit else { return }
    throw ConversionError(
      .overflow, path: path, place: "tensor \(tensor.source.name)",
      problem: "it holds \(largest), which \(tensor.dtype) cannot", remedy: "give --outtype f32")
  }

  private mutating func narrow(_ dtype: DType, _ count: Int) throws {
    Self.resize(&output, to: dtype.byteCount(elementCount: count) ?? 0)
    // Safe: `output` was given the size of `count` elements of `dtype`.
    unsafe values.withUnsafeBufferPointer { values in
      unsafe output.withUnsafeMutableBytes { bytes in
        let halves = unsafe bytes.bindMemory(to: UInt16.self).baseAddress
        switch dtype {
        case .f16: unsafe alora_narrow_f16(values.baseAddress, halves, count)
        case .bf16: unsafe alora_narrow_bf16(values.baseAddress, halves, count)
        case .q8_0:
          unsafe alora_narrow_q8_0(values.baseAddress, bytes.bindMemory(to: UInt8.self).baseAddress, count / 32)
        default: unsafe bytes.copyMemory(from: UnsafeRawBufferPointer(values))
        }
      }
    }
  }

  private static func resize(_ buffer: inout [UInt8], to count: Int) {
    if buffer.count > count {
      buffer.removeLast(buffer.count - count)
    } else if buffer.count < count {
      buffer += [UInt8](repeating: 0, count: count - buffer.count)
    }
  }
}
