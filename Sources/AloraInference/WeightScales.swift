internal import AloraModels
internal import AloraTensors

/// The scales of a matrix in floats of eight bits: one for all of it, for each row, or for each block of rows and columns.
///
/// A weight is its code times its scale, rounded once to f32; with scales of up to twenty significant bits, such as powers
/// of two and bfloat16 numbers, it is exact.
/// Source: transformers' `integrations/finegrained_fp8.py` and `fbgemm_fp8.py`, compressed-tensors' `float-quantized`.
struct WeightScales: Sendable {
  let values: [Float]
  /// How many scales a row of blocks has.
  let columnCount: Int
  /// How many rows and columns of the matrix share a scale.
  let rowBlock: Int
  let columnBlock: Int

  /// - Parameters:
  ///   - shape: the shape of the scales. The result is nil if it doesn't fit the matrix.
  ///   - matrix: the shape of the weights, at least two-dimensional.
  ///   - block: the rows and columns of a block; nil if the configuration doesn't name them.
  init?(_ values: [Float], shape: Shape, matrix: Shape, block: (rows: Int, columns: Int)?) {
    self.values = values
    let (rows, columns) = (matrix.dimensions[matrix.rank - 2], matrix.columnCount)
    let outer = Array(matrix.dimensions.dropLast(2))
    if shape.elementCount == 1 {
      (columnCount, rowBlock, columnBlock) = (1, max(1, matrix.rowCount), max(1, columns))
    } else if shape.dimensions == Array(matrix.dimensions.dropLast()) + [1]
      || shape.dimensions == Array(matrix.dimensions.dropLast())
    {
      (columnCount, rowBlock, columnBlock) = (1, 1, max(1, columns))
    } else if let block, block.rows > 0, block.columns > 0, shape.rank == matrix.rank,
      // Blocks of one expert may not reach into the next.
      outer.isEmpty || rows.isMultiple(of: block.rows),
      shape.dimensions
        == outer + [(rows - 1) / block.rows + 1, (columns - 1) / block.columns + 1]
    {
      (columnCount, rowBlock, columnBlock) = (shape.columnCount, block.rows, block.columns)
    } else {
      return nil
    }
  }

  /// Multiplies rows of the matrix, from this one on.
  func apply(to rows: inout [Float], firstRow: Int, columns: Int) {
    guard columns > 0 else { return }
    for row in 0..<(rows.count / columns) {
      let scaleRow = (firstRow + row) / rowBlock * columnCount
      for start in stride(from: 0, to: columns, by: columnBlock) {
        let scale = values[scaleRow + start / columnBlock]
        for column in start..<min(columns, start + columnBlock) { rows[row * columns + column] *= scale }
      }
    }
  }
}

extension WeightReader {
  /// The tensor with the scales of a tensor in floats of eight bits.
  func scaleTensor(of tensor: TensorDescription) -> TensorDescription? {
    guard EightBitFloat(tensor.dtype) != nil else { return nil }
    return ["_scale_inv", "_scale"].lazy.compactMap { source.tensor(named: tensor.name + $0) }.first
  }

  /// The scales beside a matrix in floats of eight bits; nil for other types, and if there are none.
  ///
  /// - Throws: `missingTensor` if the configuration says that the weights are scaled; `wrongShape`, `unsupportedType`.
  func scales(of tensor: TensorDescription) throws -> WeightScales? {
    guard let scale = scaleTensor(of: tensor) else {
      guard quantization == nil || EightBitFloat(tensor.dtype) == nil else {
        throw missing("\(tensor.name)_scale_inv")
      }
      return nil
    }
    guard ElementConversion.canWiden(scale.dtype), scale.shape.elementCount > 0 else {
      throw unsupportedType(scale, "scales of type \(scale.dtype) and shape \(scale.shape) aren't read")
    }
    var values: [Float] = []
    ElementConversion.widen(
      try source.readBytes(of: scale), scale.dtype, count: scale.shape.elementCount, into: &values)
    guard
      let scales = WeightScales(values, shape: scale.shape, matrix: tensor.shape, block: quantization?.blockShape)
    else { throw wrongShape(scale, "one scale, one for each row, or one for each block of \(tensor.shape)") }
    return scales
  }
}
