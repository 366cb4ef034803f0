internal import AloraSystem
internal import AloraTensors

/// Adds updates to a tensor, some rows at a time.
struct TensorMerger {
  private let path: String
  private let division: WorkDivision
  private var reader = UpdateReader()
  private var weights: [Float] = []
  private var baseWeights: [Float] = []
  private var delta: [Float] = []
  private var output: [UInt8] = []
  /// Whether any byte differs from the base's, as far as the types are the same.
  private(set) var hasEffect = false
  /// About how many elements are in memory at a time, four times over.
  private static let chunkElementCount = 1 << 19

  /// - Parameter path: of the base, for errors.
  init(path: String, division: WorkDivision = .none) {
    self.path = path
    self.division = division
  }

  /// - Parameter write: takes the bytes of the tensor, one run after the other.
  /// - Throws: ``FileError``; ``AdapterError`` `notFinite`; ``MergeError`` `overflow`.
  mutating func merge(
    _ tensor: TensorDescription, in file: MappedFile, _ updates: [MatrixUpdate], to type: DType,
    write: ([UInt8]) throws -> Void
  ) throws {
    let (columns, extents) = (tensor.shape.columnCount, tensor.shape.dimensions)
    let rowsPerMatrix = extents.count < 2 ? 1 : extents[extents.count - 2]
    guard rowsPerMatrix > 0 else { return }
    for matrix in 0..<(tensor.shape.rowCount / rowsPerMatrix) {
      let own = updates.filter { $0.matrix == matrix }
      let loaded = try own.compactMap { update in try reader.load(update).map { (update, $0) } }
      let factors = try loaded.map { try columnFactors($0, $1, tensor, file, firstRow: matrix * rowsPerMatrix) }
      let step = max(1, Self.chunkElementCount / max(1, columns))
      for first in stride(from: 0, to: rowsPerMatrix, by: step) {
        let rows = first..<min(first + step, rowsPerMatrix)
        let bytes = try read(tensor, file, rows, firstRow: matrix * rowsPerMatrix)
        guard !loaded.isEmpty || type != tensor.dtype else {
          try write(bytes)
          continue
        }
        ElementConversion.widen(bytes, tensor.dtype, count: rows.count * columns, into: &weights)
        let isRequantized = type == tensor.dtype && type.isBlockFormat
        baseWeights = isRequantized ? weights : []
        for (index, (update, values)) in loaded.enumerated() {
          let part = rows.clamped(to: update.rows)
          guard !part.isEmpty else { continue }
          add(update, values, rows: part, of: rows, tensor)
          scale(update, values, factors[index], rows: part, of: rows, columns)
        }
        try check(tensor, type, updates.map(\.module))
        guard ElementConversion.narrow(weights, to: type, into: &output, division: division) else {
          throw overflow(tensor, type, ElementConversion.largestMagnitude(weights))
        }
        if isRequantized { keepUnchangedRows(of: bytes, count: rows.count) }
        hasEffect = hasEffect || type != tensor.dtype || output != bytes
        try write(output)
      }
    }
  }

  private func read(
    _ tensor: TensorDescription, _ file: MappedFile, _ rows: Range<Int>, firstRow: Int
  ) throws -> [UInt8] {
    guard let rowByteCount = tensor.dtype.byteCount(elementCount: tensor.shape.columnCount) else { return [] }
    let start = tensor.byteRange.lowerBound + (firstRow + rows.lowerBound) * rowByteCount
    return try file.read(start..<(start + rows.count * rowByteCount))
  }

  /// Gives rows that no update changes the base's bytes: decoding and quantizing them again could move them.
  private mutating func keepUnchangedRows(of bytes: [UInt8], count: Int) {
    let (columns, byteCount) = (weights.count / count, bytes.count / count)
    for row in 0..<count {
      let elements = (row * columns)..<((row + 1) * columns)
      guard baseWeights[elements] == weights[elements] else { continue }
      let range = (row * byteCount)..<((row + 1) * byteCount)
      output.replaceSubrange(range, with: bytes[range])
    }
  }

  /// Adds an update to its rows of a chunk.
  private mutating func add(
    _ update: MatrixUpdate, _ values: LoadedUpdate, rows: Range<Int>, of chunk: Range<Int>, _ tensor: TensorDescription
  ) {
    let own = (rows.lowerBound - update.rows.lowerBound)..<(rows.upperBound - update.rows.lowerBound)
    values.product.rows(own, scale: values.scale, into: &delta)
    if update.isRoundedFirst, [.f16, .bf16].contains(tensor.dtype) {
      ElementConversion.narrow(delta, to: tensor.dtype, into: &output)
      ElementConversion.widen(output, tensor.dtype, count: delta.count, into: &delta)
    }
    RowArithmetic.add(delta, to: &weights, at: (rows.lowerBound - chunk.lowerBound) * tensor.shape.columnCount)
  }

  // MARK: DoRA

  /// Scales a chunk's rows to their trained norms: by row, or by column if the tensor is transposed.
  private mutating func scale(
    _ update: MatrixUpdate, _ values: LoadedUpdate, _ columnFactors: [Float]?, rows: Range<Int>, of chunk: Range<Int>,
    _ columnCount: Int
  ) {
    guard let magnitude = values.magnitude else { return }
    for row in rows {
      let start = (row - chunk.lowerBound) * columnCount
      if let columnFactors {
        for column in 0..<columnCount { weights[start + column] *= columnFactors[column] }
      } else {
        let range = start..<(start + columnCount)
        let norm = RowArithmetic.norm(weights, range)
        RowArithmetic.scale(&weights, range, by: magnitude[row - update.rows.lowerBound] / norm)
      }
    }
  }

  /// What a transposed tensor's columns are multiplied by, which takes a pass of its own; nil if rows are scaled, or nothing.
  private mutating func columnFactors(
    _ update: MatrixUpdate, _ values: LoadedUpdate, _ tensor: TensorDescription, _ file: MappedFile, firstRow: Int
  ) throws -> [Float]? {
    guard let magnitude = values.magnitude, update.isTransposed else { return nil }
    let columns = tensor.shape.columnCount
    var sums = [Float](repeating: 0, count: columns)
    let step = max(1, Self.chunkElementCount / max(1, columns))
    for first in stride(from: update.rows.lowerBound, to: update.rows.upperBound, by: step) {
      let rows = first..<min(first + step, update.rows.upperBound)
      let bytes = try read(tensor, file, rows, firstRow: firstRow)
      ElementConversion.widen(bytes, tensor.dtype, count: rows.count * columns, into: &weights)
      add(update, values, rows: rows, of: rows, tensor)
      for row in 0..<rows.count {
        RowArithmetic.addSquares(weights, (row * columns)..<((row + 1) * columns), to: &sums)
      }
    }
    return zip(magnitude, sums).map { $0 / $1.squareRoot() }
  }

  // MARK: Checks

  private func check(_ tensor: TensorDescription, _ type: DType, _ modules: [String]) throws(MergeError) {
    let largest = ElementConversion.largestMagnitude(weights)
    guard largest.isFinite else {
      throw MergeError(
        .overflow, path: path, place: "tensor \(tensor.name)",
        problem: "a merged weight is not a finite number", remedy: .inspectValues)
    }
    guard let limit = ElementConversion.limit(of: type), largest >= limit else { return }
    throw overflow(tensor, type, largest)
  }

  private func overflow(_ tensor: TensorDescription, _ type: DType, _ largest: Float) -> MergeError {
    MergeError(
      .overflow, path: path, place: "tensor \(tensor.name)",
      problem: "a merged weight is \(largest), which \(type) can't represent", remedy: .outputType("bf16"))
  }
}
