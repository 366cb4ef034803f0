/// The extents of a tensor, row-major, outermost dimension first, as PyTorch prints them.
///
/// GGUF stores extents in the reverse order; its reader and writer turn them round, nobody else.
package struct Shape: Hashable, Sendable {
  /// The extents, outermost first. None is negative; a scalar has none.
  package let dimensions: [Int]

  /// The product of all extents; 1 for a scalar.
  package let elementCount: Int

  /// Nil if an extent is negative or the number of elements does not fit in an `Int`.
  ///
  /// A zero extent does not hide an overflow of the others: `[0, Int.max, 2]` is nil too.
  package init?(_ dimensions: [Int]) {
    var count = 1
    var nonzeroCount = 1
    for extent in dimensions {
      guard extent >= 0 else { return nil }
      let (product, overflow) = nonzeroCount.multipliedReportingOverflow(by: max(extent, 1))
      guard !overflow else { return nil }
      nonzeroCount = product
      count = extent == 0 ? 0 : count
    }
    self.dimensions = dimensions
    self.elementCount = count == 0 ? 0 : nonzeroCount
  }

  /// A matrix of `rows` × `columns`; nil as for `init(_:)`.
  package init?(rows: Int, columns: Int) { self.init([rows, columns]) }

  /// How many dimensions there are.
  package var rank: Int { dimensions.count }

  /// The innermost extent, along which block formats pack their elements; 1 for a scalar.
  package var columnCount: Int { dimensions.last ?? 1 }

  /// The number of innermost rows.
  package var rowCount: Int { columnCount == 0 ? 0 : elementCount / columnCount }

  /// The bytes of a contiguous tensor of this shape, or nil if its rows do not fill whole blocks.
  package func byteCount(of dtype: DType) -> Int? {
    if dtype.isBlockFormat {
      guard let row = dtype.byteCount(elementCount: columnCount) else { return nil }
      let (total, overflow) = row.multipliedReportingOverflow(by: rowCount)
      return overflow ? nil : total
    }
    return dtype.byteCount(elementCount: elementCount)
  }
}

extension Shape: CustomStringConvertible {
  package var description: String { "[" + dimensions.map(String.init).joined(separator: ", ") + "]" }
}

/// Where a tensor lies in a file, and how to read it there.
package struct TensorDescription: Hashable, Sendable {
  package let name: String
  package let dtype: DType
  /// Row-major, outermost first.
  package let shape: Shape
  /// The bytes of the tensor, counted from the start of its file.
  package let byteRange: Range<Int>

  package init(name: String, dtype: DType, shape: Shape, byteRange: Range<Int>) {
    self.name = name
    self.dtype = dtype
    self.shape = shape
    self.byteRange = byteRange
  }
}

/// A tensor to be written: what is known of it before its place in the file.
package struct TensorDeclaration: Hashable, Sendable {
  package let name: String
  package let dtype: DType
  /// Row-major, outermost first.
  package let shape: Shape

  package init(name: String, dtype: DType, shape: Shape) {
    self.name = name
    self.dtype = dtype
    self.shape = shape
  }
}
