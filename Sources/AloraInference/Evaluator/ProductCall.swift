internal import CAloraKernels

/// A part of a matrix product: some panels of outputs for some tiles of tokens.
@safe package struct ProductCall {
  /// `alora_isa` and `alora_type`.
  package let isa: UInt32
  package let type: UInt32
  /// The packed matrix, of `rowCount` rows.
  package let weights: UnsafeRawPointer
  package let rowCount: Int
  package let columnCount: Int
  package let panels: Range<Int>
  /// `tokenCount` rows of `columnCount` floats, in tiles if there is more than one.
  package let x: UnsafePointer<Float>
  package let tokenCount: Int
  package let tiles: Range<Int>
  /// [T][stride]
  package let y: UnsafeMutablePointer<Float>
  package let stride: Int

  /// Computes it with the kernels of this package.
  package func perform() {
    unsafe alora_matmul(
      alora_isa(rawValue: isa), alora_type(rawValue: type), weights, rowCount, columnCount, panels.lowerBound,
      panels.count, x, tokenCount, tiles.lowerBound, tiles.count, y, stride)
  }
}
