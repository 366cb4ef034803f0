internal import AloraAdapters
internal import AloraGGUF
internal import AloraModels
internal import AloraSystem
internal import AloraTensors

extension ConversionPlan {
  /// Writes a tensor whose elements are gathered, a chunk of rows or a group of slices at a time.
  func write(
    _ tensor: Tensor, _ gather: Gather, _ writer: GGUFWriter, _ encoder: inout FactorEncoder
  ) throws {
    if gather.isInterleaved { return try writeInterleaved(tensor, gather, writer, &encoder) }
    var reader = GatherReader(weights)
    var buffer: [UInt8] = []
    let whole = [WeightTarget.RowFactor(rowCount: gather.rowCount, value: 1)]
    for slice in 0..<gather.sliceCount {
      let source = gather.source(ofSlice: slice) ?? tensor.source
      var first = 0
      for run in gather.rowFactors.isEmpty ? whole : gather.rowFactors {
        let end = first + run.rowCount
        while first < end {
          let rows = first..<min(first + gather.chunkRowCount, end)
          try reader.fill(&buffer, gather, slice: slice, rows: rows)
          encoder.take(&buffer)
          try encoder.write(
            tensor.with(source: source, factor: tensor.factor * run.value),
            elementCount: rows.count * gather.columnCount, to: writer)
          first = rows.upperBound
        }
      }
    }
  }

  /// Writes a stack whose experts are innermost in the source: as many slices in one pass as fit in memory.
  private func writeInterleaved(
    _ tensor: Tensor, _ gather: Gather, _ writer: GGUFWriter, _ encoder: inout FactorEncoder
  ) throws {
    guard let width = gather.elementByteCount else { return }
    var reader = GatherReader(weights)
    let sliceByteCount = gather.rowCount * gather.columnCount * width
    let group = max(1, GatherReader.groupByteCount / max(1, sliceByteCount))
    var slices: [UInt8] = []
    var buffer: [UInt8] = []
    var first = 0
    while first < gather.sliceCount {
      let range = first..<min(first + group, gather.sliceCount)
      try reader.fillSlices(&slices, gather, slices: range)
      // Whole rows, so that blocks of a row stay together.
      let step = gather.chunkRowCount * gather.columnCount * width
      for start in stride(from: 0, to: slices.count, by: step) {
        buffer.removeAll(keepingCapacity: true)
        buffer += slices[start..<min(start + step, slices.count)]
        let count = buffer.count / width
        encoder.take(&buffer)
        try encoder.write(tensor.with(source: tensor.source, factor: tensor.factor), elementCount: count, to: writer)
      }
      first = range.upperBound
    }
  }

  /// Writes a tensor that several modules share: each module's rows at their place, zeros elsewhere.
  func write(
    _ tensor: Tensor, blocks: [Block], _ writer: GGUFWriter, _ encoder: inout FactorEncoder
  ) throws {
    var reader = GatherReader(weights)
    var narrow: [UInt8] = []
    var buffer: [UInt8] = []
    let dimensions = tensor.shape.dimensions
    let (rowCount, columnCount) = (dimensions[dimensions.count - 2], dimensions[dimensions.count - 1])
    let sorted = blocks.sorted { $0.firstRow < $1.firstRow }
    for slice in 0..<(dimensions.count == 3 ? dimensions[0] : 1) {
      var row = 0
      func write(_ rows: Range<Int>, of block: Block?) throws {
        let source = block.flatMap { $0.gather.source(ofSlice: slice) } ?? tensor.source
        guard let width = source.dtype.byteCount(elementCount: 1) else { return }
        let step = max(1, GatherReader.chunkByteCount / (columnCount * width))
        var first = rows.lowerBound
        while first < rows.upperBound {
          let part = first..<min(first + step, rows.upperBound)
          first = part.upperBound
          buffer = [UInt8](repeating: 0, count: part.count * columnCount * width)
          if let block {
            let gather = block.gather
            let own = (part.lowerBound - block.firstRow)..<(part.upperBound - block.firstRow)
            try reader.fill(&narrow, gather, slice: slice, rows: own)
            for index in 0..<part.count {
              Elements.copy(
                gather.columnCount, from: narrow, index * gather.columnCount, stride: 1, to: &buffer,
                index * columnCount + block.firstColumn, stride: 1, elementByteCount: width)
            }
          }
          encoder.take(&buffer)
          try encoder.write(
            tensor.with(source: source, factor: block?.factor ?? 1), elementCount: part.count * columnCount, to: writer)
        }
      }
      for block in sorted {
        try write(row..<block.firstRow, of: nil)
        row = block.firstRow + block.gather.rowCount
        try write(block.firstRow..<row, of: block)
      }
      try write(row..<rowCount, of: nil)
    }
  }
}

extension ConversionPlan.Tensor {
  fileprivate func with(source: TensorDescription, factor: Double) -> Self {
    Self(
      name: name, dtype: dtype, shape: shape, source: source, rows: rows, permutation: permutation,
      isTransposed: isTransposed, factor: factor)
  }
}
