internal import AloraAdapters
internal import AloraModels
internal import AloraSystem
internal import AloraTensors

/// A tensor of the PEFT adapter, and the parts of an update that its elements come from.
struct PEFTTensor {
  /// One of the two factors of an update: the one of the inputs or the one of the outputs.
  enum Side { case inputs, outputs }

  let update: PEFTUpdate
  /// Which factor it is made from. PEFT takes the inputs for `lora_A`, but for some parameters of experts the outputs.
  let side: Side
  /// Whether it is `lora_A`, whose rows are ranks; in `lora_B`, the columns are.
  let isA: Bool
  let declaration: TensorDeclaration

  /// The parts with a factor of their own, and the rank that each begins at.
  var parts: [(part: PEFTUpdate.Part, firstRank: Int)] {
    if update.sharesA { return (side == .inputs ? [update.parts[0]] : update.parts).map { ($0, 0) } }
    var first = 0
    return update.parts.map { part in
      defer { first += part.pair.rank }
      return (part, first)
    }
  }

  /// The type that holds every part's elements exactly; nil if there is none.
  static func dtype(_ tensors: [TensorDescription]) -> DType? {
    let dtypes = Set(tensors.map(\.dtype))
    if dtypes.count == 1, let dtype = dtypes.first, [.f32, .f16, .bf16].contains(dtype) { return dtype }
    return dtypes.allSatisfy { ElementConversion.canWiden($0) && $0 != .f64 } ? .f32 : nil
  }
}

/// Where the elements of a source go: element (i, j) is at a row's offset and a column's offset.
struct Scatter {
  /// A row or a column: its index in the output, and the offset of its elements in the source.
  typealias Line = (target: Int, offset: Int)

  let rows: [Line]
  let columns: [Line]

  /// Copies elements into rows of `width` elements.
  func copy(_ source: [UInt8], to output: inout [UInt8], width: Int, elementByteCount size: Int) {
    guard let last = columns.last, let first = columns.first, let furthest = columns.map(\.offset).max() else { return }
    let isRun =
      last.target - first.target == columns.count - 1 && last.offset - first.offset == columns.count - 1
      && zip(columns, columns.dropFirst()).allSatisfy { $1.target == $0.target + 1 && $1.offset == $0.offset + 1 }
    for row in rows {
      precondition((row.offset + furthest + 1) * size <= source.count, "an element from outside of the source")
      if isRun {
        let (to, from) = ((row.target * width + first.target) * size, (row.offset + first.offset) * size)
        let count = columns.count * size
        output.replaceSubrange(to..<(to + count), with: source[from..<(from + count)])
        continue
      }
      for column in columns {
        let (to, from) = ((row.target * width + column.target) * size, (row.offset + column.offset) * size)
        for byte in 0..<size { output[to + byte] = source[from + byte] }
      }
    }
  }
}

extension PEFTTensor {
  /// Where the elements of a part's factor go.
  func scatter(_ part: PEFTUpdate.Part, firstRank: Int) -> Scatter {
    let (pair, rank) = (part.pair, update.rank)
    let extent = side == .inputs ? pair.inputCount : pair.outputCount
    let isMinor = side == .inputs ? !pair.hasInputRows : pair.isOutputMinor
    // Of a stack, the elements of one expert.
    let sliceCount = pair.rank * extent
    let (rankStride, stride) = isMinor ? (extent, 1) : (1, pair.rank)
    let expertCount = update.experts?.count ?? 1
    var ranks: [Scatter.Line] = []
    for expert in 0..<expertCount {
      let slice = (update.expert ?? expert) * (pair.isStack ? sliceCount : 0)
      for own in 0..<pair.rank {
        let index = firstRank + own
        ranks.append(
          (isA ? expert * rank + index : index * expertCount + expert, slice + own * rankStride))
      }
    }
    let order = side == .inputs ? part.target?.columns ?? .none : part.target?.permutation ?? .none
    let first = side == .inputs ? 0 : part.target?.rows.lowerBound ?? 0
    let others = (0..<extent).map { (target: first + order.sourceRow(of: $0), offset: $0 * stride) }
    return isA ? Scatter(rows: ranks, columns: others) : Scatter(rows: others, columns: ranks)
  }

  /// The elements of rows, divided by what the rows were multiplied by.
  ///
  /// - Throws: ``ConversionError`` `notInvertible` if an element becomes too large or too small for its type.
  private func divided(_ source: [UInt8], _ part: PEFTUpdate.Part) throws -> [UInt8] {
    guard side == .outputs, let factors = part.target?.factors, !factors.isEmpty else { return source }
    let dtype = declaration.dtype
    var values: [Float] = []
    ElementConversion.widen(source, dtype, count: part.pair.b.shape.elementCount, into: &values)
    var first = 0
    for factor in factors {
      let end = min(first + factor.rowCount * part.pair.rank, values.count)
      for index in first..<end { values[index] /= Float(factor.value) }
      first = end
    }
    var result = source
    ElementConversion.narrow(values, to: dtype, into: &result)
    var narrowed: [Float] = []
    ElementConversion.widen(result, dtype, count: values.count, into: &narrowed)
    guard narrowed == values, !values.contains(where: \.isInfinite) else {
      throw PEFTGrouping.wouldRound(part, part.fileOfB.path)
    }
    return result
  }

  /// The tensor's bytes.
  ///
  /// - Throws: ``FileError``; ``AdapterError`` `notFinite`; ``ConversionError`` `notInvertible`.
  func bytes() throws -> [UInt8] {
    let (dtype, shape) = (declaration.dtype, declaration.shape)
    guard let byteCount = shape.byteCount(of: dtype), let size = dtype.byteCount(elementCount: 1) else { return [] }
    var output = [UInt8](repeating: 0, count: byteCount)
    for (part, firstRank) in parts {
      let (tensor, file) =
        side == .inputs ? (part.pair.a, part.fileOfA) : (part.pair.b, part.fileOfB)
      var source = try file.read(tensor.byteRange)
      if tensor.dtype != dtype {
        var values: [Float] = []
        ElementConversion.widen(source, tensor.dtype, count: tensor.shape.elementCount, into: &values)
        ElementConversion.narrow(values, to: dtype, into: &source)
      }
      guard ElementConversion.largestMagnitude(source, dtype)?.isFinite ?? true else {
        throw AdapterError.notFinite(file.path, tensor: tensor.name)
      }
      try scatter(part, firstRank: firstRank)
        .copy(divided(source, part), to: &output, width: shape.columnCount, elementByteCount: size)
    }
    return output
  }
}
