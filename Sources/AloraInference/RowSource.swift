internal import AloraModels
internal import AloraSystem
internal import AloraGGUF
internal import AloraTensors
internal import CAloraKernels

/// Where rows of a matrix are read from.
struct RowSource: Sendable {
  /// How the tensor holds them.
  enum Form: Sendable {
    /// Row after row.
    case rows
    /// As columns of one of the matrices in the tensor, some columns apart.
    case columns(matrix: Int, step: Int)
    /// Row after row in blocks of MXFP4, some rows apart, with the blocks' exponents in another tensor.
    case mxfp4(exponents: TensorDescription, file: MappedFile, step: Int)
  }

  let file: MappedFile
  let tensor: TensorDescription
  /// Rows of the tensor, counting those of all its outer dimensions together: as many as the range has, from its start, as
  /// far apart as `form` says.
  let rows: Range<Int>
  /// The order of the tensor's rows, if it differs from the graph's. Only for rows that follow one another.
  let permutation: RowPermutation
  var form = Form.rows
  /// The scales of weights in floats of eight bits; nil if they have none.
  var scales: WeightScales?
  /// Which of the tensor's rows, counted from the start of `rows`, are read; nil: all of them, in order. There
  /// can't be a permutation, too.
  var order: ElementOrder?
  /// The order of the columns, which are floats then; nil: as in the file.
  var columns: ElementOrder?

  /// The elements of a row.
  var columnCount: Int {
    let extents = tensor.shape.dimensions
    return switch form {
    case .rows: tensor.shape.columnCount
    case .columns: extents[extents.count - 2]
    case .mxfp4: extents[extents.count - 2] * 32
    }
  }

  /// The bytes of a row as the kernels want it: as the file stores it, or widened.
  var rowByteCount: Int { isWidened ? 4 * columnCount : storedRowByteCount }
  private var storedRowByteCount: Int { dtype.byteCount(elementCount: columnCount) ?? 0 }

  private var dtype: DType { if case .mxfp4 = form { .mxfp4 } else { tensor.dtype } }

  /// How many rows a read has to take together; all of them if they can't be divided.
  var rowsTogether: Int { isByColumns ? max(1, rows.count) : order != nil ? 1 : permutation.blockRowCount }

  private var isByColumns: Bool { if case .columns = form { true } else { false } }

  /// The bytes that ``read(_:into:scratch:)`` works in, for that many rows.
  func scratchByteCount(rowCount: Int) -> Int {
    switch form {
    case .rows: (permutation == .none ? 0 : rowCount * rowByteCount) + (columns == nil ? 0 : rowByteCount)
    case .mxfp4(_, _, let step): rowCount * step * rowByteCount
    // One column at a time.
    case .columns(_, let step): rowCount * step * elementByteCount
    }
  }

  /// The bytes of an element that isn't in a block.
  private var elementByteCount: Int { dtype.byteCount(elementCount: 1) ?? 0 }

  /// The element type as the kernels name it: F32 for rows that are widened as they are read.
  ///
  /// - Throws: `unsupportedType`.
  func kernelType() throws -> alora_type {
    if let type = storedKernelType, !((isByColumns || columns != nil) && dtype.isBlockFormat) { return type }
    guard isWidened else { throw unsupported() }
    return ALORA_TYPE_F32
  }

  /// The type that a kernel reads as the file stores it.
  private var storedKernelType: alora_type? {
    guard scales == nil, let number = dtype.ggmlTypeID else { return nil }
    let type = alora_type(rawValue: number)
    return alora_type_supported(type) != 0 ? type : nil
  }

  /// Whether no kernel reads the file's bytes, so that rows are widened to f32 as they are read. The products are the same
  /// bits as a kernel's would be: every kernel widens first.
  private var isWidened: Bool {
    guard case .rows = form else { return false }
    return storedKernelType == nil && ElementConversion.canWiden(tensor.dtype)
  }

  private func unsupported() -> InferenceError {
    InferenceError(
      .unsupportedType, path: file.path, place: "tensor \(tensor.name)",
      problem: "weights of type \(tensor.dtype)\(isByColumns ? ", stored by columns," : "") aren't computed with",
      remedy: isByColumns
        ? "use a model in F32, F16 or BF16, or a GGUF"
        : "use a model in F32, F16, BF16, FP8, or a type of llama.cpp's quantizer")
  }

  /// Reads rows `range` in the graph's order, as the kernels want them.
  ///
  /// - Parameters:
  ///   - range: counted from `rows`; whole groups of ``rowsTogether``.
  ///   - scratch: ``scratchByteCount(rowCount:)`` bytes.
  func read(_ range: Range<Int>, into destination: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer) throws {
    switch form {
    case .rows: try unsafe readRows(range, into: destination, scratch: scratch)
    case .columns(let matrix, let step):
      try unsafe readColumns(range, of: matrix, step: step, into: destination, scratch: scratch)
    case .mxfp4(let exponents, let other, let step):
      try unsafe readMXFP4(range, exponents, other, step: step, into: destination, scratch: scratch)
    }
  }

  private func readRows(
    _ range: Range<Int>, into destination: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer
  ) throws {
    let rowBytes = rowByteCount
    guard order == nil, columns == nil else {
      return try unsafe readInOrder(range, into: destination, scratch: scratch)
    }
    let target = unsafe permutation == .none ? destination : scratch
    let first = rows.lowerBound + range.lowerBound
    try unsafe readTogether(first..<(first + range.count), into: target)
    guard permutation != .none else { return }
    for row in range {
      let from = permutation.targetRow(of: row) - range.lowerBound
      unsafe (destination + (row - range.lowerBound) * rowBytes).copyMemory(
        from: scratch + from * rowBytes, byteCount: rowBytes)
    }
  }

  /// Rows of the tensor, as the file orders them.
  private func readTogether(_ range: Range<Int>, into destination: UnsafeMutableRawPointer) throws {
    if isWidened {
      try unsafe widen(range, into: destination)
    } else {
      try unsafe read(range, rowBytes: rowByteCount, of: tensor, file, into: destination)
    }
  }

  /// Row by row.
  private func readInOrder(
    _ range: Range<Int>, into destination: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer
  ) throws {
    precondition(permutation == .none, "rows in one order")
    let (rowBytes, width) = (rowByteCount, rowByteCount / max(1, columnCount))
    let sources = columns.map { columns in (0..<columnCount).map { columns.source(of: $0) } }
    for row in range {
      let from = rows.lowerBound + (order?.source(of: row) ?? row)
      let target = unsafe destination + (row - range.lowerBound) * rowBytes
      guard let sources else {
        try unsafe readTogether(from..<(from + 1), into: target)
        continue
      }
      try unsafe readTogether(from..<(from + 1), into: scratch)
      for (column, source) in sources.enumerated() {
        unsafe (target + column * width).copyMemory(from: scratch + source * width, byteCount: width)
      }
    }
  }

  private func readColumns(
    _ range: Range<Int>, of matrix: Int, step: Int, into destination: UnsafeMutableRawPointer,
    scratch: UnsafeMutableRawPointer
  ) throws {
    let (count, outer, width) = (columnCount, tensor.shape.columnCount, elementByteCount)
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
  }

  private func readMXFP4(
    _ range: Range<Int>, _ exponents: TensorDescription, _ fileOfExponents: MappedFile, step: Int,
    into destination: UnsafeMutableRawPointer, scratch: UnsafeMutableRawPointer
  ) throws {
    let blocks = columnCount / 32
    let chosen = tensorRows(range, step: step)
    let nibbles = unsafe scratch + chosen.count * blocks
    try unsafe read(chosen, rowBytes: blocks, of: exponents, fileOfExponents, into: scratch)
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

  /// Reads rows of the tensor as the file orders them, and widens them to f32.
  ///
  /// - Parameter destination: has room for them in f32.
  private func widen(_ range: Range<Int>, into destination: UnsafeMutableRawPointer) throws {
    let start = tensor.byteRange.lowerBound + range.lowerBound * storedRowByteCount
    let bytes = try file.read(start..<(start + range.count * storedRowByteCount))
    var values: [Float] = []
    ElementConversion.widen(bytes, tensor.dtype, count: range.count * columnCount, into: &values)
    scales?.apply(to: &values, firstRow: range.lowerBound, columns: columnCount)
    // Safe: the caller's memory holds the rows.
    unsafe values.withUnsafeBytes { source in
      unsafe UnsafeMutableRawBufferPointer(start: destination, count: source.count).copyMemory(from: source)
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
