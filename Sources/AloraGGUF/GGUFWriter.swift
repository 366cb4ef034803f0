package import AloraSystem
internal import AloraTensors

/// Writes a GGUF file. Its tensors are known beforehand; their data arrives in chunks.
///
///     let layout = try GGUFLayout(metadata: metadata, tensors: declarations)
///     let writer = try GGUFWriter(path: path, replacesExisting: false, layout: layout)
///     for tensor in layout.tensors { try writer.write(bytes.span.bytes, of: tensor.name) }
///     try writer.finish()
///
/// The file appears with ``finish()`` or not at all. Not thread-safe.
package final class GGUFWriter {
  package let layout: GGUFLayout
  private let file: AtomicFile
  /// The tensor that data is expected for.
  private var index = 0

  /// - Throws: as ``AtomicFile``.
  package init(path: String, replacesExisting: Bool, layout: GGUFLayout) throws(FileError) {
    self.layout = layout
    file = try AtomicFile(path: path, replacesExisting: replacesExisting)
    // `bytes` of a span of bytes: no element has padding.
    try file.write(unsafe layout.header.span.bytes)
    try passCompleteTensors()
  }

  /// Appends bytes to a tensor, which must be the first whose data is not complete.
  ///
  /// - Throws: `wrongTensorData` if another tensor is due, or if there are too many bytes; ``FileError``.
  package func write(_ bytes: RawSpan, of name: String) throws {
    guard bytes.byteCount > 0 else { return }
    guard index < layout.tensors.count, layout.tensors[index].name.utf8.elementsEqual(name.utf8) else {
      throw failure(name, "its data was written out of turn")
    }
    let missing = layout.tensors[index].byteRange.upperBound - file.byteCount
    guard bytes.byteCount <= missing else {
      throw failure(name, "\(bytes.byteCount) bytes were written, but only \(missing) are missing")
    }
    try file.write(bytes)
    try passCompleteTensors()
  }

  /// Makes the file appear.
  ///
  /// - Throws: `wrongTensorData` if data is missing; ``FileError``.
  package func finish() throws {
    if index < layout.tensors.count {
      let tensor = layout.tensors[index]
      throw failure(tensor.name, "\(tensor.byteRange.upperBound - file.byteCount) bytes of its data were not written")
    }
    try file.commit()
  }

  /// Writes the padding after each complete tensor, including empty ones.
  private func passCompleteTensors() throws(FileError) {
    while index < layout.tensors.count, layout.tensors[index].byteRange.upperBound == file.byteCount {
      index += 1
      let next = index < layout.tensors.count ? layout.tensors[index].byteRange.lowerBound : layout.byteCount
      try file.writeZeros(next - file.byteCount)
    }
  }

  private func failure(_ name: String, _ problem: String) -> GGUFError {
    GGUFError(.wrongTensorData, path: file.path, subject: "tensor \(name)", problem: problem)
  }
}
