internal import AloraAdapters
internal import AloraGGUF
internal import AloraModels
internal import AloraSystem
internal import AloraTensors

extension ConversionPlan {
  /// Writes a tensor whose elements are gathered. Holds one source tensor and one slice at a time.
  func write(
    _ tensor: Tensor, _ gather: Gather, _ writer: GGUFWriter, _ encoder: inout FactorEncoder
  ) throws {
    var held: (tensor: TensorDescription, bytes: [UInt8])?
    var buffer: [UInt8] = []
    let whole = [WeightTarget.RowFactor(rowCount: gather.rowCount, value: 1)]
    for slice in 0..<gather.sliceCount {
      let source = gather.source(ofSlice: slice)
      if let source, held?.tensor != source {
        held = (source, try weights.readBytes(of: source))
      }
      var first = 0
      for run in gather.rowFactors.isEmpty ? whole : gather.rowFactors {
        let description = source ?? tensor.source
        guard let width = description.dtype.byteCount(elementCount: 1) else { return }
        let count = run.rowCount * gather.columnCount
        if let source, let bytes = held?.bytes, source == held?.tensor {
          gather.fill(&buffer, from: bytes, slice: slice, rows: first..<(first + run.rowCount), elementByteCount: width)
        } else {
          buffer = [UInt8](repeating: 0, count: count * width)
        }
        encoder.take(&buffer)
        try encoder.write(
          tensor.with(source: description, factor: tensor.factor * run.value), elementCount: count, to: writer)
        first += run.rowCount
      }
    }
  }
}

extension ConversionPlan.Tensor {
  fileprivate func with(source: TensorDescription, factor: Double) -> Self {
    Self(
      name: name, dtype: dtype, shape: shape, source: source, rows: rows, permutation: permutation,
      isTransposed: isTransposed, factor: factor, gather: nil)
  }
}

extension Gather {
  /// Fills `buffer` with some rows of a slice.
  func fill(_ buffer: inout [UInt8], from bytes: [UInt8], slice: Int, rows: Range<Int>, elementByteCount: Int) {
    let byteCount = rows.count * columnCount * elementByteCount
    if buffer.count != byteCount { buffer = [UInt8](repeating: 0, count: byteCount) }
    let offsets = (0..<columnCount).map { columnOrder.sourceRow(of: $0) * columnStride }
    guard let furthest = offsets.max() else { return }
    let isRun = columnStride == 1 && columnOrder == .none
    let source = bytes.span
    for (index, row) in rows.enumerated() {
      let start = rowOffset(slice: slice, row: row)
      precondition((start + furthest + 1) * elementByteCount <= source.count, "an element from outside of the source")
      let target = index * columnCount * elementByteCount
      if isRun {
        for byte in 0..<(columnCount * elementByteCount) {
          buffer[target + byte] = source[start * elementByteCount + byte]
        }
        continue
      }
      for column in 0..<columnCount {
        let (from, to) = ((start + offsets[column]) * elementByteCount, target + column * elementByteCount)
        for byte in 0..<elementByteCount { buffer[to + byte] = source[from + byte] }
      }
    }
  }
}
