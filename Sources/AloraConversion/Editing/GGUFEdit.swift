package import AloraAdapters
internal import AloraGGUF
internal import AloraModels
internal import AloraSystem
internal import AloraTensors

/// A GGUF adapter with other element types, or other `general.*` keys, decided and checked before a byte is written.
package struct GGUFEdit {
  package let adapter: GGUFAdapter
  /// The type of the factors; nil if each keeps its own.
  package let outputType: OutputType?
  /// The keys that are set or removed, in the order given.
  package let changedKeys: [String]
  package var tensorCount: Int { layout.tensors.count }
  package var byteCount: Int { layout.byteCount }

  private let layout: GGUFLayout
  private static let chunkByteCount = 1 << 18

  /// - Parameters:
  ///   - outputType: nil and `auto` keep each tensor's type.
  ///   - settings: see ``GeneralKeySetting``.
  /// - Throws: ``GGUFError``; ``AdapterError`` `notAnAdapter`; ``ConversionError`` `invalidKey`, `notInvertible`.
  package init(_ adapter: GGUFAdapter, outputType: OutputType?, settings: [GeneralKeySetting]) throws {
    self.adapter = adapter
    self.outputType = outputType == .auto ? nil : outputType
    var metadata = adapter.file.metadata
    for setting in settings { try setting.apply(to: &metadata, path: adapter.path) }
    // A part of a split says so in its keys, and a whole file is written.
    for key in ["split.no", "split.count", "split.tensors.count"] { metadata[key] = nil }
    if let type = self.outputType { metadata[GGUFAdapterFormat.Key.fileType] = .uint32(type.fileType) }
    changedKeys = settings.map(\.key)
    let type = self.outputType
    layout = try GGUFLayout(
      metadata: metadata,
      tensors: adapter.file.tensors.map { tensor in
        TensorDeclaration(
          name: tensor.name, dtype: try Self.dtype(of: tensor, type, path: adapter.path), shape: tensor.shape)
      })
  }

  /// The type that a tensor is written in. What isn't a factor keeps its own.
  private static func dtype(of tensor: TensorDescription, _ type: OutputType?, path: String) throws -> DType {
    guard let type, GGUFAdapterFormat.factor(tensor.name) != nil else { return tensor.dtype }
    guard ElementConversion.canWiden(tensor.dtype) else {
      throw ConversionError(
        .notInvertible, path: path, place: "tensor \(tensor.name)",
        problem: "its elements of type \(tensor.dtype) can't be decoded", remedy: "keep its type")
    }
    return type.dtype(columnCount: tensor.shape.columnCount)
  }

  /// Writes the file: complete, or not at all. Never holds more than a chunk of a tensor in memory.
  ///
  /// - Parameter progress: called with the bytes written so far.
  /// - Returns: how many elements other than 0 the type rounded to 0.
  /// - Throws: ``FileError``; ``AdapterError`` `notFinite`; ``ConversionError`` (`overflow`, `noEffect`, `outputIsInput`).
  package func write(
    to path: String, replacesExisting: Bool, progress: (Int) -> Void = { _ in }
  ) throws -> Int {
    if adapter.file.parts.contains(where: { FileSystem.isSameFile($0.path, path) }) {
      throw ConversionError(
        .outputIsInput, path: path, problem: "the output would replace the adapter, which is read for it",
        remedy: .otherOutput)
    }
    let writer = try GGUFWriter(path: path, replacesExisting: replacesExisting, layout: layout)
    var encoder = FactorEncoder(path: adapter.path)
    var hasEffect = false
    for (source, place) in zip(adapter.file.tensors, layout.tensors) {
      if source.dtype == place.dtype {
        try copy(source, to: writer)
        hasEffect = true
      } else {
        try encode(source, as: place, to: writer, &encoder)
        let zeros = encoder.endTensor()
        hasEffect = hasEffect || zeros.sourceIsZero || !zeros.outputIsZero
      }
      progress(place.byteRange.upperBound)
    }
    guard hasEffect || layout.tensors.isEmpty else {
      throw ConversionError(
        .noEffect, path: adapter.path,
        problem: "in \(outputType?.rawValue ?? ""), every factor becomes 0: the weights are too small for the type",
        remedy: .outputType("f32"))
    }
    try writer.finish()
    return encoder.flushedElementCount
  }

  private func copy(_ tensor: TensorDescription, to writer: GGUFWriter) throws {
    let file = try adapter.file.file(of: tensor)
    var first = tensor.byteRange.lowerBound
    while first < tensor.byteRange.upperBound {
      let end = min(first + Self.chunkByteCount, tensor.byteRange.upperBound)
      let bytes = try file.read(first..<end)
      try writer.write(unsafe bytes.span.bytes, of: tensor.name)
      first = end
    }
  }

  private func encode(
    _ tensor: TensorDescription, as place: TensorDescription, to writer: GGUFWriter, _ encoder: inout FactorEncoder
  ) throws {
    let file = try adapter.file.file(of: tensor)
    let plan = ConversionPlan.Tensor(
      name: place.name, dtype: place.dtype, shape: place.shape, source: tensor, rows: 0..<tensor.shape.rowCount,
      permutation: .none, isTransposed: false, factor: 1)
    // Whole blocks of both types: no block has more than 256 elements, and all are powers of two.
    let chunk = Self.chunkByteCount / 8
    var first = 0
    while first < tensor.shape.elementCount {
      let count = min(chunk, tensor.shape.elementCount - first)
      guard let start = tensor.dtype.byteCount(elementCount: first),
        let byteCount = tensor.dtype.byteCount(elementCount: count)
      else { return }
      try encoder.read(file, at: tensor.byteRange.lowerBound + start, byteCount: byteCount)
      try encoder.write(plan, elementCount: count, to: writer)
      first += count
    }
  }
}
