internal import AloraSystem
internal import AloraTensors

/// The parsing of one header, step by step as ``GGUFFormat`` lists them.
struct GGUFHeaderParser {
  private(set) var cursor: GGUFCursor
  private(set) var version = 0
  private(set) var metadata: GGUFMetadata
  private(set) var tensors: [TensorDescription] = []
  private(set) var index = TensorIndex()
  private(set) var alignment = GGUFFormat.defaultAlignment
  private(set) var dataOffset = 0

  /// A tensor whose position isn't checked yet.
  private struct Entry {
    let name: String
    let type: ElementType
    let shape: Shape
    /// From the start of the data section.
    let dataOffset: UInt64
    let entryOffset: Int
  }

  private enum ElementType {
    case known(DType, byteCount: Int)
    /// Read only if asked for.
    case foreign(UInt32)
  }

  private let readsForeignTypes: Bool
  private(set) var foreignTensors: [GGUFForeignTensor] = []

  init(file: MappedFile, limits: GGUFLimits, readsForeignTypes: Bool) {
    self.readsForeignTypes = readsForeignTypes
    cursor = GGUFCursor(file: file, limits: limits)
    metadata = GGUFMetadata(path: file.path)
  }

  mutating func parse() throws {
    try parseVersion()
    let tensorCount = try parseCount(
      "tensors", minimalByteCount: GGUFFormat.minimalTensorEntryByteCount, limit: cursor.limits.tensorCount)
    let keyCount = try parseCount(
      "key-values", minimalByteCount: GGUFFormat.minimalKeyValueByteCount, limit: cursor.limits.keyCount)
    for _ in 0..<keyCount { try parseKeyValue() }
    try parseAlignment()
    var entries: [Entry] = []
    for _ in 0..<tensorCount { entries.append(try parseTensor(index: entries.count)) }
    try placeTensors(entries)
  }

  /// The error about a file in another format. It names the format if it is known.
  private func foreignFile(_ otherwise: String) throws(FileError) -> GGUFError {
    let found = try FileSignature(cursor.file)
    return GGUFError(
      .notGGUF, path: cursor.file.path, byteOffset: 0, problem: "not a GGUF file: \(found.problem(or: otherwise))",
      found: found)
  }

  private mutating func parseVersion() throws {
    let magic = try (0..<4).map { _ in
      do { return try cursor.load(UInt8.self, of: "the magic number") } catch let error as GGUFError
        where error.code == .truncated
      {
        throw try foreignFile("it has \(cursor.file.byteCount) bytes")
      }
    }
    guard magic == GGUFFormat.magic else {
      throw try foreignFile("it doesn't start with 'GGUF'")
    }
    var number = try cursor.load(UInt32.self, of: "the version")
    // ggml's test: a small number in the other byte order has zeros in its low half.
    if number & 0xFFFF == 0, number != 0 {
      cursor.isBigEndian = true
      number = number.byteSwapped
    }
    guard GGUFFormat.supportedVersions.contains(number) else {
      throw cursor.error(.unsupportedVersion, at: 4, "GGUF version \(number) is not supported, only 2 and 3")
    }
    version = Int(number)
  }

  private mutating func parseCount(_ what: String, minimalByteCount: Int, limit: Int) throws -> Int {
    let count = try cursor.load(Int64.self, of: "the number of \(what)")
    guard count >= 0, count <= cursor.remaining / minimalByteCount else {
      throw cursor.error(
        .implausibleCount, at: cursor.offset - 8, "\(count) \(what) do not fit in the \(cursor.remaining) bytes left")
    }
    guard count <= limit else {
      throw cursor.error(.headerTooLarge, at: cursor.offset - 8, "\(count) \(what), at most \(limit) are read")
    }
    return Int(count)
  }

  private mutating func parseKeyValue() throws {
    let start = cursor.offset
    let bytes = try cursor.string("key \(metadata.count)", limit: GGUFFormat.keyByteLimit, .invalidKey)
    guard !bytes.isEmpty else { throw cursor.error(.invalidKey, at: start, "key \(metadata.count) is empty") }
    guard let key = String(validating: bytes, as: UTF8.self) else {
      throw cursor.error(.invalidKey, at: start, "key \(metadata.count) is not valid UTF-8")
    }
    guard metadata[key] == nil else {
      throw cursor.error(.duplicateKey, at: start, subject: "key \(key)", "the key occurs twice")
    }
    metadata[key] = try cursor.value(key: key)
  }

  private mutating func parseAlignment() throws {
    guard let value = metadata[GGUFFormat.alignmentKey] else { return }
    guard case .uint32(let stated) = value else {
      throw metadata.error(.invalidAlignment, GGUFFormat.alignmentKey, "expected u32, found \(value.typeName)")
    }
    guard stated.nonzeroBitCount == 1 else {
      throw metadata.error(.invalidAlignment, GGUFFormat.alignmentKey, "\(stated) is not a power of two")
    }
    alignment = Int(stated)
  }

  private mutating func parseTensor(index position: Int) throws -> Entry {
    let start = cursor.offset
    let bytes = try cursor.string(
      "the name of tensor \(position)", limit: GGUFFormat.tensorNameByteLimit, .invalidTensorName)
    // ggml would cut the name at a NUL.
    guard !bytes.contains(0), let name = String(validating: bytes, as: UTF8.self) else {
      throw cursor.error(.invalidTensorName, at: start, "the name of tensor \(position) is not valid text")
    }
    let subject = "tensor \(name)"
    guard index.insert(name, index: position) else {
      throw cursor.error(.duplicateTensor, at: start, subject: subject, "two tensors have this name")
    }
    let shape = try parseShape(subject)
    let number = try cursor.load(UInt32.self, of: "the type of \(subject)")
    guard let dtype = DType(ggmlTypeID: number) else {
      guard readsForeignTypes else { throw unknownType(number, subject) }
      let dataOffset = try cursor.load(UInt64.self, of: "the offset of \(subject)")
      return Entry(name: name, type: .foreign(number), shape: shape, dataOffset: dataOffset, entryOffset: start)
    }
    guard shape.columnCount.isMultiple(of: dtype.block.elementCount) else {
      throw cursor.error(
        .incompleteBlocks, at: start, subject: subject,
        "rows of \(shape.columnCount) elements aren't a whole number of \(dtype) blocks of \(dtype.block.elementCount)")
    }
    guard let byteCount = shape.byteCount(of: dtype), aligned(byteCount, to: alignment) != nil else {
      throw cursor.error(
        .invalidShape, at: start, subject: subject, "the bytes of \(shape) elements of type \(dtype) overflow")
    }
    let dataOffset = try cursor.load(UInt64.self, of: "the offset of \(subject)")
    return Entry(
      name: name, type: .known(dtype, byteCount: byteCount), shape: shape, dataOffset: dataOffset, entryOffset: start)
  }

  private mutating func parseShape(_ subject: String) throws -> Shape {
    let start = cursor.offset
    let count = try cursor.load(UInt32.self, of: "the number of dimensions of \(subject)")
    guard count <= GGUFFormat.dimensionLimit else {
      throw cursor.error(
        .invalidShape, at: start, subject: subject,
        "\(count) dimensions, at most \(GGUFFormat.dimensionLimit) are allowed")
    }
    var extents: [Int] = []
    for _ in 0..<count { extents.append(Int(try cursor.load(Int64.self, of: "the dimensions of \(subject)"))) }
    guard let shape = Shape(extents.reversed()) else {
      let problem =
        extents.contains { $0 < 0 }
        ? "a dimension is negative: \(extents)" : "the number of elements of \(extents) overflows"
      throw cursor.error(.invalidShape, at: start, subject: subject, problem)
    }
    return shape
  }

  private func unknownType(_ number: UInt32, _ subject: String) -> GGUFError {
    let problem =
      DType.removedTypeName(ggmlTypeID: number).map { "ggml has removed type \(number) (\($0)) from GGUF files" }
      ?? "\(number) is not a ggml type"
    return cursor.error(.invalidTensorType, at: cursor.offset - 4, subject: subject, problem)
  }

  /// The bytes of a tensor. Those of a foreign type reach to the next tensor or to the end of the file.
  private func byteCount(of entry: Entry, next: Entry?, dataByteCount: Int) -> Int {
    switch entry.type {
    case .known(_, let byteCount): return byteCount
    case .foreign:
      let end = next.flatMap { Int(exactly: $0.dataOffset) } ?? dataByteCount
      return max(0, end - (Int(exactly: entry.dataOffset) ?? .max))
    }
  }

  /// Checks that the data follow one another as ggml lays them out, within the file.
  private mutating func placeTensors(_ entries: [Entry]) throws {
    let headerByteCount = cursor.offset
    guard let start = aligned(headerByteCount, to: alignment) else {
      throw cursor.error(.truncated, "the data section starts beyond the end of the file")
    }
    let fileByteCount = cursor.file.byteCount
    dataOffset = entries.isEmpty ? min(start, fileByteCount) : start
    var expected = 0
    tensors.reserveCapacity(entries.count)
    for (position, entry) in entries.enumerated() {
      let following = position + 1 < entries.count ? entries[position + 1] : nil
      let byteCount = byteCount(of: entry, next: following, dataByteCount: fileByteCount - min(start, fileByteCount))
      func failure(_ code: GGUFError.Code, _ problem: String) -> GGUFError {
        cursor.error(code, at: entry.entryOffset, subject: "tensor \(entry.name)", problem)
      }
      guard entry.dataOffset % UInt64(alignment) == 0 else {
        throw failure(
          .misalignedTensor, "its data is at offset \(entry.dataOffset), which is not a multiple of \(alignment)")
      }
      guard entry.dataOffset == UInt64(expected) else {
        let overlaps = entry.dataOffset < UInt64(expected)
        throw failure(
          overlaps ? .overlappingTensors : .gapBetweenTensors,
          "its data is at offset \(entry.dataOffset), but the data before it ends at \(expected)")
      }
      let (first, overflow) = start.addingReportingOverflow(expected)
      guard !overflow, first <= fileByteCount, byteCount <= fileByteCount - first else {
        throw failure(
          .tensorOutOfRange,
          "its data, \(byteCount) bytes at offset \(expected) of the data section at byte \(start), reaches beyond"
            + " the end of the file at \(fileByteCount)")
      }
      let byteRange = first..<(first + byteCount)
      switch entry.type {
      case .known(let dtype, _):
        tensors.append(TensorDescription(name: entry.name, dtype: dtype, shape: entry.shape, byteRange: byteRange))
      case .foreign(let number):
        foreignTensors.append(
          GGUFForeignTensor(name: entry.name, typeNumber: number, shape: entry.shape, byteRange: byteRange))
      }
      // The data fits in the file, and its padded size in an Int; only their sum must be checked.
      let (next, sumOverflow) = expected.addingReportingOverflow(aligned(byteCount, to: alignment) ?? .max)
      guard !sumOverflow else { throw failure(.invalidShape, "the sizes of the tensors overflow") }
      expected = next
    }
  }
}
