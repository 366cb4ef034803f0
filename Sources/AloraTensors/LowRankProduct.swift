internal import CAloraKernels

/// Rows of left · right, as PEFT's `lora_B.weight @ lora_A.weight` gives them.
///
/// Each element is one chain of fused multiply-adds over the rank, from rank 0 on, as in MKL's product, which torch calls
/// on x86. MKL adds up chains of at most 192 ranks: two equal ones up to rank 384, then chains of 192. Measured with torch
/// 2.13.0: the bits are the same for even ranks if both sides of the product are at least 16 long.
package struct LowRankProduct: Sendable {
  /// Shape: [rows, r]
  package let left: [Float]
  /// Shape: [r, columns]
  package let right: [Float]
  package let rank: Int
  package let columnCount: Int
  package var rowCount: Int { rank == 0 ? 0 : left.count / rank }

  private static let chainLimit = 192

  package init(left: [Float], right: [Float], rank: Int, columnCount: Int) {
    precondition(right.count == rank * columnCount, "the right factor is [r, columns]")
    precondition(rank > 0 && left.count.isMultiple(of: rank), "the left factor is [rows, r]")
    self.left = left
    self.right = right
    self.rank = rank
    self.columnCount = columnCount
  }

  /// The ranks of each chain.
  private var chains: [Range<Int>] {
    guard rank > Self.chainLimit else { return [0..<rank] }
    let step = rank <= 2 * Self.chainLimit ? (rank + 1) / 2 : Self.chainLimit
    return stride(from: 0, to: rank, by: step).map { $0..<min($0 + step, rank) }
  }

  /// Rows of the product, each element then multiplied by `scale`.
  ///
  /// - Parameter result: becomes [rows, columns].
  package func rows(_ rows: Range<Int>, scale: Float, into result: inout [Float]) {
    precondition(rows.lowerBound >= 0 && rows.upperBound <= rowCount, "rows outside of the left factor")
    let count = rows.count * columnCount
    if result.count != count { result = [Float](repeating: 0, count: count) }
    let isa = alora_isa_best()
    let chains = chains
    var other = [Float](repeating: 0, count: chains.count > 1 ? columnCount : 0)
    // Safe: every row of each buffer is as long as `columnCount`, which the initializer checked.
    unsafe right.withUnsafeBufferPointer { right in
      unsafe result.withUnsafeMutableBufferPointer { result in
        unsafe other.withUnsafeMutableBufferPointer { other in
          guard let a = right.baseAddress, let first = result.baseAddress else { return }
          for (index, row) in rows.enumerated() {
            let target = unsafe first + index * columnCount
            for (number, chain) in chains.enumerated() {
              guard let sum = unsafe number == 0 ? target : other.baseAddress else { return }
              unsafe sum.update(repeating: 0, count: columnCount)
              for k in chain {
                unsafe alora_add_scaled(isa, left[row * rank + k], a + k * columnCount, sum, columnCount)
              }
              if number > 0 { unsafe alora_add(isa, target, sum, target, columnCount) }
            }
          }
          unsafe alora_scale_by(isa, scale, first, first, count)
        }
      }
    }
  }
}

/// Sums and norms of rows of f32 elements.
package enum RowArithmetic {
  /// values[offset + i] += addends[i], each rounded once.
  package static func add(_ addends: [Float], to values: inout [Float], at offset: Int) {
    precondition(offset >= 0 && offset + addends.count <= values.count, "outside of the values")
    unsafe addends.withUnsafeBufferPointer { from in
      unsafe values.withUnsafeMutableBufferPointer { to in
        guard let from = from.baseAddress, let to = to.baseAddress else { return }
        unsafe alora_add(alora_isa_best(), to + offset, from, to + offset, addends.count)
      }
    }
  }

  /// Multiplies a run of values by one number.
  package static func scale(_ values: inout [Float], _ range: Range<Int>, by factor: Float) {
    precondition(range.lowerBound >= 0 && range.upperBound <= values.count, "outside of the values")
    unsafe values.withUnsafeMutableBufferPointer {
      guard let base = $0.baseAddress else { return }
      unsafe alora_scale_by(alora_isa_best(), factor, base + range.lowerBound, base + range.lowerBound, range.count)
    }
  }

  /// The Euclidean norm of a run of values, in the order of torch's `linalg.norm` on CPUs with AVX2.
  package static func norm(_ values: [Float], _ range: Range<Int>) -> Float {
    precondition(range.lowerBound >= 0 && range.upperBound <= values.count, "outside of the values")
    return unsafe values.withUnsafeBufferPointer {
      guard let base = $0.baseAddress else { return 0 }
      return unsafe alora_norm(base + range.lowerBound, range.count)
    }
  }

  /// The sums of (values − expected)² and of expected².
  package static func squares(_ expected: [Float], _ values: [Float]) -> (difference: Double, size: Double) {
    precondition(expected.count == values.count, "as many of both")
    var (difference, size) = (0.0, 0.0)
    unsafe expected.withUnsafeBufferPointer { expected in
      unsafe values.withUnsafeBufferPointer { values in
        guard let x = expected.baseAddress, let y = values.baseAddress else { return }
        unsafe alora_squares(x, y, expected.count, &difference, &size)
      }
    }
    return (difference, size)
  }

  /// Adds the square of each value of a run to one of the sums.
  package static func addSquares(_ values: [Float], _ range: Range<Int>, to sums: inout [Float]) {
    precondition(range.lowerBound >= 0 && range.upperBound <= values.count, "outside of the values")
    precondition(range.count <= sums.count, "fewer sums than values")
    unsafe values.withUnsafeBufferPointer { from in
      unsafe sums.withUnsafeMutableBufferPointer { to in
        guard let from = from.baseAddress, let to = to.baseAddress else { return }
        unsafe alora_add_squares(from + range.lowerBound, to, range.count)
      }
    }
  }
}
