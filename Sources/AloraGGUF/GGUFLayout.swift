internal import AloraSystem
package import AloraTensors

package typealias GGUFTensorDeclaration = TensorDeclaration

/// A GGUF file before its data: the bytes of its header, and where each tensor will lie.
///
/// Version 3, little-endian. The alignment is `general.alignment`, a UINT32, or 32 if it is missing. The same metadata and
/// tensors give the same bytes, which are those of Python's `gguf` package.
package struct GGUFLayout: Sendable {
  package let tensors: [TensorDescription]
  package let alignment: Int
  /// The bytes of the finished file.
  package let byteCount: Int
  /// Everything before the data section, padding included.
  let header: [UInt8]

  /// - Throws: `invalidAlignment`, `invalidKey`, `invalidTensorName`, `duplicateTensor`, `invalidShape`,
  ///   `invalidTensorType`, `incompleteBlocks`, as in the reader, so that everything that is written can be read.
  package init(
    metadata: GGUFMetadata, tensors declarations: [GGUFTensorDeclaration], path: String? = nil
  ) throws(GGUFError) {
    var alignment = GGUFFormat.defaultAlignment
    if let value = metadata[GGUFFormat.alignmentKey] {
      guard case .uint32(let stated) = value, stated.nonzeroBitCount == 1 else {
        throw metadata.error(.invalidAlignment, GGUFFormat.alignmentKey, "expected a power of two as u32")
      }
      alignment = Int(stated)
    }
    var header = GGUFFormat.magic
    header.append(littleEndian: GGUFFormat.supportedVersions.upperBound)
    header.append(littleEndian: Int64(declarations.count))
    header.append(littleEndian: Int64(metadata.count))
    for entry in metadata.entries {
      guard (1...GGUFFormat.keyByteLimit).contains(entry.key.utf8.count) else {
        throw GGUFError(
          .invalidKey, path: path, subject: "key \(entry.key.prefix(100))",
          problem: "a key has 1 to \(GGUFFormat.keyByteLimit) bytes")
      }
      GGUFValue.string(entry.key).append(to: &header)
      header.append(littleEndian: entry.value.type.rawValue)
      entry.value.append(to: &header)
    }
    var names = TensorIndex()
    var byteCounts: [Int] = []
    var dataByteCount = 0
    for declaration in declarations {
      let byteCount = try Self.byteCount(of: declaration, names: &names, index: byteCounts.count, path: path)
      byteCounts.append(byteCount)
      GGUFValue.string(declaration.name).append(to: &header)
      header.append(littleEndian: UInt32(declaration.shape.rank))
      for extent in declaration.shape.dimensions.reversed() { header.append(littleEndian: Int64(extent)) }
      header.append(littleEndian: declaration.dtype.ggmlTypeID ?? 0)
      header.append(littleEndian: UInt64(dataByteCount))
      guard let padded = aligned(byteCount, to: alignment) else { throw Self.tooLarge(path) }
      let (sum, overflow) = dataByteCount.addingReportingOverflow(padded)
      guard !overflow else { throw Self.tooLarge(path) }
      dataByteCount = sum
    }
    guard let headerByteCount = aligned(header.count, to: alignment) else { throw Self.tooLarge(path) }
    header += [UInt8](repeating: 0, count: headerByteCount - header.count)
    let (total, overflow) = headerByteCount.addingReportingOverflow(dataByteCount)
    guard !overflow else { throw Self.tooLarge(path) }
    var first = headerByteCount
    var tensors: [TensorDescription] = []
    for (declaration, byteCount) in zip(declarations, byteCounts) {
      tensors.append(
        TensorDescription(
          name: declaration.name, dtype: declaration.dtype, shape: declaration.shape,
          byteRange: first..<(first + byteCount)))
      first += aligned(byteCount, to: alignment) ?? 0
    }
    self.tensors = tensors
    self.alignment = alignment
    self.header = header
    byteCount = total
  }

  private static func byteCount(
    of declaration: GGUFTensorDeclaration, names: inout TensorIndex, index: Int, path: String?
  ) throws(GGUFError) -> Int {
    func failure(_ code: GGUFError.Code, _ problem: String) -> GGUFError {
      GGUFError(code, path: path, subject: "tensor \(declaration.name)", problem: problem)
    }
    let nameByteCount = declaration.name.utf8.count
    guard nameByteCount <= GGUFFormat.tensorNameByteLimit, !declaration.name.utf8.contains(0) else {
      throw failure(
        .invalidTensorName,
        "a name has at most \(GGUFFormat.tensorNameByteLimit) bytes and no NUL, not \(nameByteCount)")
    }
    guard names.insert(declaration.name, index: index) else {
      throw failure(.duplicateTensor, "two tensors have this name")
    }
    guard declaration.shape.rank <= GGUFFormat.dimensionLimit else {
      throw failure(.invalidShape, "\(declaration.shape) has more than \(GGUFFormat.dimensionLimit) dimensions")
    }
    let dtype = declaration.dtype
    guard dtype.ggmlTypeID != nil else { throw failure(.invalidTensorType, "GGUF has no type for \(dtype)") }
    guard declaration.shape.columnCount.isMultiple(of: dtype.block.elementCount) else {
      throw failure(
        .incompleteBlocks,
        "rows of \(declaration.shape.columnCount) elements aren't a whole number of \(dtype) blocks of "
          + "\(dtype.block.elementCount)")
    }
    guard let byteCount = declaration.shape.byteCount(of: dtype) else { throw tooLarge(path) }
    return byteCount
  }

  private static func tooLarge(_ path: String?) -> GGUFError {
    GGUFError(.invalidShape, path: path, problem: "the sizes of the tensors overflow")
  }
}
