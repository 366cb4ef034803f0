internal import AloraModels
internal import AloraSafetensors
internal import AloraSystem
internal import AloraTensors

/// Reads gathered matrices in chunks, so that a conversion's memory doesn't depend on the size of a tensor.
struct GatherReader {
  private let weights: SafetensorsFileSet
  private var chunk: [UInt8] = []

  init(_ weights: SafetensorsFileSet) { self.weights = weights }

  /// Fills `buffer` with some rows of a slice.
  ///
  /// - Throws: ``FileError``.
  mutating func fill(_ buffer: inout [UInt8], _ gather: Gather, slice: Int, rows: Range<Int>) throws {
    guard let source = gather.source(ofSlice: slice) else {
      buffer.resize(to: rows.count * gather.columnCount * (gather.elementByteCount ?? 0))
      for index in buffer.indices { buffer[index] = 0 }
      return
    }
    guard let width = source.dtype.byteCount(elementCount: 1), !rows.isEmpty else { return }
    let columns = (0..<gather.columnCount).map { gather.columnOrder.sourceRow(of: $0) * gather.columnStride }
    let span = (columns.max() ?? 0) + 1
    buffer.resize(to: rows.count * gather.columnCount * width)
    let offsets = rows.map { gather.rowOffset(slice: slice, row: $0) }
    guard let low = offsets.min(), let high = offsets.max() else { return }
    // One read for rows that lie close together, else one for each.
    let isClose =
      high - low + span <= 4 * rows.count * max(gather.columnCount, 1) || gather.columnStride > gather.rowStride
    if isClose { try read(source, elements: low..<(high + span), width) }
    for (index, offset) in offsets.enumerated() {
      if !isClose { try read(source, elements: offset..<(offset + span), width) }
      let start = isClose ? offset - low : 0
      let target = index * gather.columnCount
      if gather.columnStride == 1, gather.columnOrder == .none {
        Elements.copy(
          gather.columnCount, from: chunk, start, stride: 1, to: &buffer, target, stride: 1, elementByteCount: width)
        continue
      }
      for (column, place) in columns.enumerated() {
        Elements.copy(
          1, from: chunk, start + place, stride: 1, to: &buffer, target + column, stride: 1, elementByteCount: width)
      }
    }
  }

  /// Fills `buffer` with whole slices of a stack whose experts are innermost in the source.
  ///
  /// - Throws: ``FileError``.
  mutating func fillSlices(_ buffer: inout [UInt8], _ gather: Gather, slices: Range<Int>) throws {
    guard let source = gather.sources[0], let width = source.dtype.byteCount(elementCount: 1) else { return }
    let isByRow = gather.rowStride >= gather.columnStride
    let (order, count) = isByRow ? (gather.rowOrder, gather.rowCount) : (gather.columnOrder, gather.columnCount)
    let stride = isByRow ? gather.rowStride : gather.columnStride
    let (inner, innerStride) = isByRow ? (gather.columnCount, gather.columnStride) : (gather.rowCount, gather.rowStride)
    let sliceCount = gather.rowCount * gather.columnCount
    buffer.resize(to: slices.count * sliceCount * width)
    let run = max(1, Self.chunkByteCount / (stride * width))
    var first = 0
    while first < count {
      let lines = first..<min(first + run, count)
      first = lines.upperBound
      let places = lines.map { gather.firstRow * (isByRow ? 1 : 0) + order.sourceRow(of: $0) }
      guard let low = places.min(), let high = places.max() else { return }
      let isClose = high - low < 4 * places.count
      if isClose { try read(source, elements: (low * stride)..<((high + 1) * stride), width) }
      for (line, place) in zip(lines, places) {
        if !isClose { try read(source, elements: (place * stride)..<((place + 1) * stride), width) }
        let start = isClose ? (place - low) * stride : 0
        for slice in slices {
          let base = (slice - slices.lowerBound) * sliceCount
          Elements.copy(
            inner, from: chunk, start + slice * gather.sliceStride, stride: innerStride, to: &buffer,
            isByRow ? base + line * gather.columnCount : base + line, stride: isByRow ? 1 : gather.columnCount,
            elementByteCount: width)
        }
      }
    }
  }

  /// How many bytes of a source are read at a time.
  static var chunkByteCount: Int { 1 << 18 }
  /// How many bytes of reordered slices are held at a time. More is faster: a source is read once for each such group.
  static var groupByteCount: Int { 1 << 24 }

  private mutating func read(_ source: TensorDescription, elements: Range<Int>, _ width: Int) throws(FileError) {
    precondition(elements.upperBound * width <= source.byteRange.count, "an element from outside of the source")
    let file = weights.file(of: source)
    chunk.resize(to: elements.count * width)
    var span = chunk.mutableSpan
    var bytes = unsafe span.mutableBytes
    try file.read(at: source.byteRange.lowerBound + elements.lowerBound * width, into: &bytes)
  }
}

/// Copies of elements of two or four bytes.
enum Elements {
  /// Offsets and strides count elements. Both runs must lie within their buffers.
  static func copy(
    _ count: Int, from source: [UInt8], _ start: Int, stride: Int, to target: inout [UInt8], _ targetStart: Int,
    stride targetStride: Int, elementByteCount width: Int
  ) {
    guard count > 0 else { return }
    precondition(start >= 0 && (start + (count - 1) * stride + 1) * width <= source.count, "outside of the source")
    precondition(
      targetStart >= 0 && (targetStart + (count - 1) * targetStride + 1) * width <= target.count,
      "outside of the target")
    // Safe: the two preconditions bound every access, and the buffers are different arrays.
    unsafe source.withUnsafeBytes { from in
      unsafe target.withUnsafeMutableBytes { to in
        guard let from = from.baseAddress, let to = to.baseAddress else { return }
        if stride == 1, targetStride == 1 {
          unsafe (to + targetStart * width).copyMemory(from: from + start * width, byteCount: count * width)
        } else if width == 4 {
          for index in 0..<count {
            let value = unsafe from.loadUnaligned(fromByteOffset: 4 * (start + index * stride), as: UInt32.self)
            unsafe to.storeBytes(of: value, toByteOffset: 4 * (targetStart + index * targetStride), as: UInt32.self)
          }
        } else {
          precondition(width == 2, "factors have two or four bytes")
          for index in 0..<count {
            let value = unsafe from.loadUnaligned(fromByteOffset: 2 * (start + index * stride), as: UInt16.self)
            unsafe to.storeBytes(of: value, toByteOffset: 2 * (targetStart + index * targetStride), as: UInt16.self)
          }
        }
      }
    }
  }
}
