internal import AloraModels
internal import AloraSystem
internal import AloraGGUF
internal import AloraAdapters
internal import AloraSafetensors
internal import AloraTensors

/// The figures of a finished conversion.
package struct ConversionSummary: Hashable, Sendable {
  /// The size of the file.
  package let byteCount: Int
  /// The number of elements of `lora_b` that were rounded when a scaling was folded into them; 0 if folding was exact.
  package let roundedElementCount: Int
  /// The number of elements that a scaling was folded into.
  package let foldedElementCount: Int
  /// The number of nonzero elements that the output type rounded to 0.
  package let flushedElementCount: Int
  /// The number of GGUF tensors of the base whose update is 0, because A or B is.
  package let idleUpdateCount: Int
  /// The number of GGUF tensors of the base that have an update.
  package let updateCount: Int
}

extension ConversionPlan {
  /// Writes the file atomically. Only a few chunks of one tensor are in memory at a time.
  ///
  /// - Parameters:
  ///   - path: the path of the file.
  ///   - progress: called with the bytes written so far.
  /// - Throws: ``FileError``; ``AdapterError`` `notFinite`; ``ConversionError`` (`overflow`, `noEffect`, `outputIsInput`).
  /// - Complexity: O(bytes), with one pass over the adapter for each GGUF tensor that a module becomes.
  package func write(
    to path: String, replacesExisting: Bool, progress: (Int) -> Void = { _ in }
  ) throws -> ConversionSummary {
    if let name = inputName(ofOutput: path) {
      throw ConversionError(
        .outputIsInput, path: path, problem: "the output would overwrite \(name), which is one of the inputs",
        remedy: .otherOutput)
    }
    let writer = try GGUFWriter(path: path, replacesExisting: replacesExisting, layout: layout)
    var encoder = FactorEncoder(path: adapter.weightsPath)
    var zeros: [(sourceIsZero: Bool, outputIsZero: Bool)] = []
    for (tensor, place) in zip(tensors, layout.tensors) {
      if !tensor.blocks.isEmpty {
        try write(tensor, blocks: tensor.blocks, writer, &encoder)
      } else if let gather = tensor.gather {
        try write(tensor, gather, writer, &encoder)
      } else if tensor.isTransposed {
        try writeTransposed(tensor, writer, &encoder)
      } else {
        try writeRows(tensor, writer, &encoder)
      }
      zeros.append(encoder.endTensor())
      progress(place.byteRange.upperBound)
    }
    // Each update is an A followed by a B.
    let updates = stride(from: 0, to: zeros.count - 1, by: 2).map { (zeros[$0], zeros[$0 + 1]) }
    let idleInSource = updates.count { $0.0.sourceIsZero || $0.1.sourceIsZero }
    let idleInOutput = updates.count { $0.0.outputIsZero || $0.1.outputIsZero }
    guard idleInOutput < updates.count || idleInSource == updates.count else {
      throw ConversionError(
        .noEffect, path: adapter.weightsPath,
        problem: "in \(outputType.rawValue), every update becomes 0: the weights are too small for the type",
        remedy: .outputType("f32"))
    }
    try writer.finish()
    return ConversionSummary(
      byteCount: layout.byteCount, roundedElementCount: encoder.roundedElementCount,
      foldedElementCount: encoder.foldedElementCount, flushedElementCount: encoder.flushedElementCount,
      idleUpdateCount: idleInOutput, updateCount: updates.count)
  }

  /// The input that an output at `path` would overwrite.
  private func inputName(ofOutput path: String) -> String? {
    let files = weights.files.compactMap { file in file.tensors.first.map { file.file(of: $0) } }
    if files.contains(where: { $0.isSameFile(asPath: path) }) { return "the adapter's weights" }
    return inputs.first { FileSystem.isSameFile($0.path, path) }?.name
  }

  static func inputs(_ adapter: AdapterDirectory, base: BaseModel, options: Options) -> [Input] {
    var inputs = [
      Input("the adapter's \(ModelFiles.adapterConfiguration)", path: adapter.configurationPath),
      Input("the adapter's \(ModelFiles.card)", path: "\(adapter.path)/\(ModelFiles.card)"),
    ]
    if let path = base.path {
      inputs.append(
        Input(
          path.hasSuffix(ModelFiles.configuration) ? "the base's \(ModelFiles.configuration)" : "the base", path: path))
    }
    return inputs + options.inputs
  }

  /// The number of source bytes in a chunk, small enough for the second-level cache.
  private static var chunkByteCount: Int { 1 << 18 }

  private func writeRows(_ tensor: Tensor, _ writer: GGUFWriter, _ encoder: inout FactorEncoder) throws {
    let columns = tensor.source.shape.columnCount
    guard let rowByteCount = tensor.source.dtype.byteCount(elementCount: columns), rowByteCount > 0 else { return }
    let block = tensor.permutation.blockRowCount
    let chunkRows = max(1, Self.chunkByteCount / rowByteCount / block) * block
    let base = tensor.source.byteRange.lowerBound + tensor.rows.lowerBound * rowByteCount
    let file = weights.file(of: tensor.source)
    var first = 0
    while first < tensor.rows.count {
      let count = min(chunkRows, tensor.rows.count - first)
      try encoder.read(file, at: base + first * rowByteCount, byteCount: count * rowByteCount)
      if tensor.permutation != .none {
        encoder.permuteRows(tensor.permutation, rowByteCount: rowByteCount, rowCount: count)
      }
      try encoder.write(tensor, elementCount: count * columns, to: writer)
      first += count
    }
  }

  /// Columns become rows: each run of columns is gathered from all rows.
  private func writeTransposed(_ tensor: Tensor, _ writer: GGUFWriter, _ encoder: inout FactorEncoder) throws {
    let (rows, columns) = (tensor.source.shape.rowCount, tensor.source.shape.columnCount)
    guard let elementByteCount = tensor.source.dtype.byteCount(elementCount: 1) else { return }
    let run = max(1, Self.chunkByteCount / (rows * elementByteCount))
    var first = 0
    while first < columns {
      let count = min(run, columns - first)
      try encoder.gather(
        weights.file(of: tensor.source), tensor.source, columns: first..<(first + count),
        elementByteCount: elementByteCount)
      try encoder.write(tensor, elementCount: count * rows, to: writer)
      first += count
    }
  }
}
