internal import AloraModels
internal import AloraSystem
internal import AloraGGUF
internal import AloraTensors
internal import CAloraKernels

/// Where rows of a matrix are read from.
struct RowSource: Sendable {
  /// How the tensor holds them.
  enum Form: Sendable {
    /// Row after row, some rows apart.
    case rows(step: Int)
    /// As columns of one of the matrices in the tensor, some columns apart.
    case columns(matrix: Int, step: Int)
    /// Row after row in blocks of MXFP4, some rows apart, with the blocks' exponents in another tensor.
    case mxfp4(exponents: TensorDescription, file: MappedFile, step: Int)
  }

  let file: MappedFile
  let tensor: TensorDescription
  /// Rows of the tensor, counting those of all its outer dimensions together: as many as the range has, from its start.
  let rows: Range<Int>
  /// The order of the tensor's rows, where it is not the graph's.
  let permutation: RowPermutation
  var form = Form.rows(step: 1)

  /// The elements of a row.
  var columnCount: Int {
    let extents = tensor.shape.dimensions
    return switch form {
    case .rows: tensor.shape.columnCount
    case .columns: extents[extents.count - 2]
    case .mxfp4: extents[extents.count - 2] * 32
    }
  }

  /// The bytes of a row as the kernels want it.
  var rowByteCount: Int { dtype.byteCount(elementCount: columnCount) ?? 0 }

  private var dtype: DType { if case .mxfp4 = form { .mxfp4 } else { tensor.dtype } }

  /// Rows are read in groups of so many, or all.
  var rowsTogether: Int { if case .columns = form { max(1, rows.count) } else { permutation.blockRowCount } }

  /// The bytes that ``read(_:into:scratch:)`` works in, for that many rows.
  func scratchByteCount(rowCount: Int) -> Int {
    switch form {
    case .rows(1): permutation == .none ? 0 : rowCount * rowByteCount
    case .rows(let step), .columns(_, let step), .mxfp4(_, _, let step): rowCount * step * rowByteCount
    }
  }

  /// The element type as the kernels name it.
  ///
  /// - Throws: `unsupportedType`.
  func kernelType() throws -> alora_type {
    guard let number = dtype.ggmlTypeID else { throw unsupported() }
    let type = alora_type(rawValue: number)
    guard alora_type_supported(type) != 0 else { throw unsupported() }
    if case .columns = form, dtype.isBlockFormat { throw unsupported() }
    return type
  }

  private func unsupported() -> InferenceError {
    InferenceError(
      .unsupportedType, path: file.path, place: "tensor \(tensor.name)",
      problem: "no kernel reads \(tensor.dtype)",
      remedy: "use a model in F32, F16, BF16, Q8_0, Q4_0, Q4_1, Q5_0, Q5_1, Q2_K to Q6_K, IQ4_NL, IQ4_XS or MXFP4")
  }

  /// Reads rows `range` in the graph's order, as the kernels want them.
  ///
  /// - Parameters:
  ///   - range: counted from `rows`; whole groups of ``rowsTogether``.
  ///   - scratch: ``scratchByteCount(rowCount:)`` bytes.
  func read(_ range: Range<Int>, into destination: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer) throws {
    switch form {
    case .rows(1): try unsafe readRun(range, into: destination, scratch: scratch)
    case .rows(let step):
      let rowBytes = rowByteCount
      try unsafe read(tensorRows(range, step: step), rowBytes: rowBytes, of: tensor, file, into: scratch)
      for index in 0..<range.count {
        unsafe (destination + index * rowBytes).copyMemory(from: scratch + index * step * rowBytes, byteCount: rowBytes)
      }
    case .columns(let matrix, let step):
      let (count, outer) = (columnCount, tensor.shape.columnCount)
      guard let width = dtype.byteCount(elementCount: 1) else { throw unsupported() }
      // Whole columns of the file's matrix; the scratch memory holds `step` times the rows.
      let first = (rows.lowerBound + range.lowerBound * step) % max(1, step)
      let start = (rows.lowerBound - matrix * outer + range.lowerBound * step) - first
      let runBytes = range.count * step * width
      for column in 0..<count {
        let buffer = unsafe UnsafeMutableRawBufferPointer(start: scratch, count: runBytes)
        var span = unsafe buffer.mutableBytes
        let offset = ((matrix * count + column) * outer + start) * width
        try file.read(at: tensor.byteRange.lowerBound + offset, into: &span)
        for row in 0..<range.count {
          unsafe (destination + (row * count + column) * width).copyMemory(
            from: scratch + (first + row * step) * width, byteCount: width)
        }
      }
    case .mxfp4(let exponents, let other, let step):
      let blocks = columnCount / 32
      let chosen = tensorRows(range, step: step)
      let nibbles = unsafe scratch + chosen.count * blocks
      try unsafe read(chosen, rowBytes: blocks, of: exponents, other, into: scratch)
      try unsafe read(chosen, rowBytes: blocks * 16, of: tensor, file, into: nibbles)
      for row in 0..<range.count {
        for block in 0..<blocks {
          let place = row * step * blocks + block
          unsafe alora_mxfp4_block(
            (scratch + place).load(as: UInt8.self), (nibbles + place * 16).assumingMemoryBound(to: UInt8.self),
            (destination + (row * blocks + block) * 17).assumingMemoryBound(to: UInt8.self))
        }
      }
    }
  }

  /// The rows of the tensor between the first and the last of some of the matrix's rows.
  private func tensorRows(_ range: Range<Int>, step: Int) -> Range<Int> {
    guard !range.isEmpty else { return 0..<0 }
    let first = rows.lowerBound + range.lowerBound * step
    return first..<(first + (range.count - 1) * step + 1)
  }

  private func read(
    _ rows: Range<Int>, rowBytes: Int, of tensor: TensorDescription, _ file: MappedFile,
    into destination: UnsafeMutableRawPointer
  ) throws {
    // Safe: the caller's memory holds as many rows.
    let buffer = unsafe UnsafeMutableRawBufferPointer(start: destination, count: rows.count * rowBytes)
    var span = unsafe buffer.mutableBytes
    try file.read(at: tensor.byteRange.lowerBound + rows.lowerBound * rowBytes, into: &span)
  }

  private func readRun(
    _ range: Range<Int>, into destination: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer
  ) throws {
    let rowBytes = rowByteCount
    let target = unsafe permutation == .none ? destination : scratch
    let first = rows.lowerBound + range.lowerBound
    try unsafe read(first..<(first + range.count), rowBytes: rowBytes, of: tensor, file, into: target)
    guard permutation != .none else { return }
    for row in range {
      let from = permutation.targetRow(of: row) - range.lowerBound
      unsafe (destination + (row - range.lowerBound) * rowBytes).copyMemory(
        from: scratch + from * rowBytes, byteCount: rowBytes)
    }
  }

  /// All rows as f32. For small matrices.
  func floats() throws -> [Float] {
    let type = try kernelType()
    let byteCount = max(1, rows.count * rowByteCount)
    let memory = UnsafeMutableRawPointer.allocate(
      byteCount: byteCount + scratchByteCount(rowCount: rows.count), alignment: 64)
    defer { unsafe memory.deallocate() }
    try unsafe read(0..<rows.count, into: memory, scratch: memory + byteCount)
    return unsafe Array(unsafeUninitializedCapacity: rows.count * columnCount) { buffer, count in
      count = rows.count * columnCount
      if let base = buffer.baseAddress { unsafe alora_dequantize(type, memory, base, count) }
    }
  }
}
