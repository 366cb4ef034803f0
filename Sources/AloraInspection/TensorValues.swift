package import AloraTensors

/// Statistics of a tensor's elements, widened exactly to f32.
package struct TensorStatistics: Hashable, Sendable {
  package let minimum: Double
  package let maximum: Double
  /// √(Σ x²), summed in double precision.
  package let norm: Double
  /// The number of elements that are exactly zero.
  package let zeroCount: Int
  /// The first elements, in order.
  package let head: [Double]
}

/// Reads the elements of tensors chunk by chunk.
package struct TensorValues: Sendable {
  private static let chunkElementCount = 1 << 18
  /// A multiple of every block's length.
  private static let firstElementCount = 256

  private let subject: Subject

  package init(_ subject: Subject) { self.subject = subject }

  /// The chunks that a tensor is read in.
  func chunks(of tensor: TensorDescription) -> [Range<Int>] {
    let count = tensor.shape.elementCount
    return stride(from: 0, to: count, by: Self.chunkElementCount).map { $0..<min($0 + Self.chunkElementCount, count) }
  }

  /// A run of elements of `tensor`, whose type must be one that can be widened.
  ///
  /// - Throws: as ``Subject/bytes(of:in:)``.
  func elements(_ range: Range<Int>, of tensor: TensorDescription) throws -> [Float] {
    // Chunks are whole blocks: a chunk's length is a multiple of 256, and rows end with a block.
    guard let start = tensor.dtype.byteCount(elementCount: range.lowerBound),
      let end = tensor.dtype.byteCount(elementCount: range.upperBound)
    else { return [] }
    let bytes = try subject.bytes(of: tensor, in: start..<end)
    var values: [Float] = []
    ElementConversion.widen(bytes, tensor.dtype, count: range.count, into: &values)
    return values
  }

  /// Whether every element is 0; false for types that can't be widened.
  ///
  /// Nearly every tensor has another element among its first ones, so the first chunk is small.
  func isZero(_ tensor: TensorDescription) throws -> Bool {
    guard ElementConversion.canWiden(tensor.dtype) else { return false }
    let all = 0..<tensor.shape.elementCount
    var next = all.prefix(Self.firstElementCount)
    while !next.isEmpty {
      if try elements(next, of: tensor).contains(where: { $0 != 0 }) { return false }
      next = all[next.upperBound...].prefix(Self.chunkElementCount)
    }
    return true
  }

  /// - Throws: as ``Subject/bytes(of:in:)``.
  /// - Returns: nil for types that cannot be widened.
  package func statistics(of tensor: TensorDescription) throws -> TensorStatistics? {
    guard ElementConversion.canWiden(tensor.dtype), tensor.shape.elementCount > 0 else { return nil }
    var figures = TensorStatistics.Accumulator()
    for range in chunks(of: tensor) {
      for value in try elements(range, of: tensor) { figures.add(Double(value)) }
    }
    return figures.statistics
  }
}
