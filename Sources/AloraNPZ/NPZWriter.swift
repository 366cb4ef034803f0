package import AloraSystem
package import AloraTensors

/// Writes an `.npz` archive that `numpy.load` reads. The same arrays give the same bytes: every member is dated
/// 1 January 1980, as NumPy dates them.
///
/// An array is written whole with ``add(_:element:shape:bytes:)`` or in chunks: ``begin(_:element:shape:)``, then
/// ``write(_:)`` until it is complete. The file appears with ``finish()`` or not at all. Elements are little-endian and in
/// row-major order. Not thread-safe.
package final class NPZWriter {
  /// Whether arrays are deflated. The compressed bytes depend on the zlib that is linked.
  package enum Compression: Sendable { case stored, deflated }

  private struct Entry {
    let name: [UInt8]
    var checksum: UInt32 = 0
    var storedByteCount = 0
    let byteCount: Int
    let offset: Int
    let hasDescriptor: Bool
    let hasWideDescriptor: Bool
  }

  private let file: AtomicFile
  private let compression: Compression
  /// Sizes and offsets from this number on are stored in ZIP64 fields.
  private let extendedThreshold: Int
  private var entries: [Entry] = []
  private var names = TensorIndex()
  private var current: Entry?
  private var deflater: Deflater?
  private var missing = 0

  private static let extended16 = 0xFFFF
  private static let extended32 = 0xFFFF_FFFF
  private static let deflateLevel = 6

  /// - Throws: as ``AtomicFile``.
  package convenience init(path: String, replacesExisting: Bool, compression: Compression) throws(FileError) {
    try self.init(
      path: path, replacesExisting: replacesExisting, compression: compression, extendedThreshold: Self.extended32)
  }

  init(
    path: String, replacesExisting: Bool, compression: Compression, extendedThreshold: Int
  ) throws(FileError) {
    file = try AtomicFile(path: path, replacesExisting: replacesExisting)
    self.compression = compression
    self.extendedThreshold = extendedThreshold
  }

  private func failure(_ code: NPZError.Code, _ name: String, _ problem: String) -> NPZError {
    NPZError(code, path: file.path, name: name, problem: problem)
  }

  // MARK: Arrays

  /// Writes an array from elements in memory.
  ///
  /// - Throws: as ``begin(_:element:shape:)``; `wrongArrayData` if the number of bytes doesn't match the shape.
  package func add(_ name: String, element: NPYElement, shape: Shape, bytes: RawSpan) throws {
    let header = try prepare(name, element: element, shape: shape)
    guard header.dataByteCount == bytes.byteCount else {
      throw failure(.wrongArrayData, name, "\(bytes.byteCount) bytes for an array of shape \(shape)")
    }
    let start = header.encoded
    var entry = Entry(
      name: memberName(name), byteCount: start.count + bytes.byteCount, offset: file.byteCount, hasDescriptor: false,
      hasWideDescriptor: false)
    entry.checksum = checksum(checksum(0, of: unsafe start.span.bytes), of: bytes)
    guard compression == .deflated else {
      entry.storedByteCount = entry.byteCount
      try writeLocalHeader(entry)
      try file.write(unsafe start.span.bytes)
      try file.write(bytes)
      entries.append(entry)
      return
    }
    let deflater = try makeDeflater(name)
    var compressed = deflater.deflate(unsafe start.span.bytes, isLast: false)
    compressed += deflater.deflate(bytes, isLast: true)
    entry.storedByteCount = compressed.count
    try writeLocalHeader(entry)
    try file.write(unsafe compressed.span.bytes)
    entries.append(entry)
  }

  /// Starts an array whose elements follow by ``write(_:)``.
  ///
  /// - Throws: `unsafeName`, `duplicateName`, `unsupportedType`, `invalidShape`; `wrongArrayData` if the array before
  ///   is not complete; ``FileError``.
  package func begin(_ name: String, element: NPYElement, shape: Shape) throws {
    let header = try prepare(name, element: element, shape: shape)
    let start = header.encoded
    let dataByteCount = header.dataByteCount ?? 0
    // Checksum and compressed size follow the data. Deflate adds at most a sixteenth.
    let byteCount = start.count + dataByteCount
    let entry = Entry(
      name: memberName(name), byteCount: byteCount, offset: file.byteCount, hasDescriptor: true,
      hasWideDescriptor: byteCount + byteCount / 16 >= extendedThreshold)
    deflater = compression == .deflated ? try makeDeflater(name) : nil
    try writeLocalHeader(entry)
    current = entry
    missing = byteCount
    try write(unsafe start.span.bytes)
  }

  /// Appends elements to the array that has begun.
  ///
  /// - Throws: `wrongArrayData` if there are more than the array still needs; ``FileError``.
  package func write(_ bytes: RawSpan) throws {
    guard var entry = current, bytes.byteCount <= missing else {
      let name = current.map { String(decoding: $0.name, as: UTF8.self) } ?? "none"
      throw failure(.wrongArrayData, name, "\(bytes.byteCount) bytes were written, but only \(missing) are missing")
    }
    missing -= bytes.byteCount
    entry.checksum = checksum(entry.checksum, of: bytes)
    if let deflater {
      let compressed = deflater.deflate(bytes, isLast: missing == 0)
      entry.storedByteCount += compressed.count
      try file.write(unsafe compressed.span.bytes)
    } else {
      entry.storedByteCount += bytes.byteCount
      try file.write(bytes)
    }
    current = entry
    if missing == 0 { try complete(entry) }
  }

  /// Writes the directory and makes the file appear.
  ///
  /// - Throws: `wrongArrayData` if an array is not complete; ``FileError``.
  package func finish() throws {
    try checkComplete()
    let directoryOffset = file.byteCount
    for entry in entries { try file.write(unsafe directoryEntry(entry).span.bytes) }
    let directoryByteCount = file.byteCount - directoryOffset
    var end: [UInt8] = []
    let isExtended =
      entries.count >= min(extendedThreshold, Self.extended16) || directoryOffset >= extendedThreshold
      || directoryByteCount >= extendedThreshold
    if isExtended {
      let recordOffset = file.byteCount
      end.append(0x0606_4B50, byteCount: 4)
      end.append(44, byteCount: 8)
      end.append(45, byteCount: 2)
      end.append(45, byteCount: 2)
      end.append(0, byteCount: 8)
      end.append(entries.count, byteCount: 8)
      end.append(entries.count, byteCount: 8)
      end.append(directoryByteCount, byteCount: 8)
      end.append(directoryOffset, byteCount: 8)
      end.append(0x0706_4B50, byteCount: 4)
      end.append(0, byteCount: 4)
      end.append(recordOffset, byteCount: 8)
      end.append(1, byteCount: 4)
    }
    let entryCount = isExtended ? Self.extended16 : entries.count
    end.append(0x0605_4B50, byteCount: 4)
    end.append(0, byteCount: 4)
    end.append(entryCount, byteCount: 2)
    end.append(entryCount, byteCount: 2)
    end.append(isExtended ? Self.extended32 : directoryByteCount, byteCount: 4)
    end.append(isExtended ? Self.extended32 : directoryOffset, byteCount: 4)
    end.append(0, byteCount: 2)
    try file.write(unsafe end.span.bytes)
    try file.commit()
  }

  // MARK: Members

  private func prepare(_ name: String, element: NPYElement, shape: Shape) throws(NPZError) -> NPYHeader {
    try checkComplete()
    let components = name.utf8.split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
    let isPlain = components.allSatisfy { !$0.isEmpty && !$0.elementsEqual(".".utf8) && !$0.elementsEqual("..".utf8) }
    guard isPlain, !name.utf8.contains(0), !name.utf8.contains(UInt8(ascii: "\\")), name.utf8.count <= 60_000 else {
      throw failure(.unsafeName, name, "the name is not a plain relative path")
    }
    guard element.numpyName != nil else { throw failure(.unsupportedType, name, "NumPy has no type for \(element)") }
    let header = NPYHeader(element: element, shape: shape)
    guard shape.rank <= NPZFormat.dimensionLimit, let byteCount = header.dataByteCount, byteCount < Int.max / 2 else {
      throw failure(.invalidShape, name, "the shape \(shape) has too many elements or dimensions")
    }
    guard names.insert(name, index: entries.count) else {
      throw failure(.duplicateName, name, "two arrays have this name")
    }
    return header
  }

  private func checkComplete() throws(NPZError) {
    if let current {
      throw failure(
        .wrongArrayData, String(decoding: current.name, as: UTF8.self), "\(missing) bytes of its data were not written")
    }
  }

  private func makeDeflater(_ name: String) throws(NPZError) -> Deflater {
    guard let deflater = Deflater(level: Self.deflateLevel) else {
      throw failure(.tooLarge, name, "not enough memory to deflate")
    }
    return deflater
  }

  private func memberName(_ name: String) -> [UInt8] { [UInt8]((name + NPZFormat.memberSuffix).utf8) }

  private func complete(_ entry: Entry) throws(FileError) {
    let width = entry.hasWideDescriptor ? 8 : 4
    var descriptor: [UInt8] = []
    descriptor.append(0x0807_4B50, byteCount: 4)
    descriptor.append(Int(entry.checksum), byteCount: 4)
    descriptor.append(entry.storedByteCount, byteCount: width)
    descriptor.append(entry.byteCount, byteCount: width)
    try file.write(unsafe descriptor.span.bytes)
    entries.append(entry)
    current = nil
    deflater = nil
  }

  /// Version, flags, method and date, which local headers and the directory share.
  private func commonFields(_ entry: Entry, isExtended: Bool) -> [UInt8] {
    let isASCII = entry.name.allSatisfy { $0 < 0x80 }
    var fields: [UInt8] = []
    fields.append(isExtended ? 45 : 20, byteCount: 2)
    fields.append((entry.hasDescriptor ? 8 : 0) | (isASCII ? 0 : 0x800), byteCount: 2)
    fields.append(compression == .deflated ? 8 : 0, byteCount: 2)
    fields.append(0, byteCount: 2)
    fields.append(0x21, byteCount: 2)
    return fields
  }

  private func writeLocalHeader(_ entry: Entry) throws(FileError) {
    let isExtended =
      entry.hasDescriptor ? entry.hasWideDescriptor : max(entry.byteCount, entry.storedByteCount) >= extendedThreshold
    let sizes = entry.hasDescriptor ? [0, 0] : [entry.storedByteCount, entry.byteCount]
    var header: [UInt8] = []
    header.append(0x0403_4B50, byteCount: 4)
    header += commonFields(entry, isExtended: isExtended)
    header.append(entry.hasDescriptor ? 0 : Int(entry.checksum), byteCount: 4)
    for size in sizes { header.append(isExtended ? Self.extended32 : size, byteCount: 4) }
    header.append(entry.name.count, byteCount: 2)
    header.append(isExtended ? 20 : 0, byteCount: 2)
    header += entry.name
    if isExtended {
      header.append(1, byteCount: 2)
      header.append(16, byteCount: 2)
      for size in sizes.reversed() { header.append(size, byteCount: 8) }
    }
    try file.write(unsafe header.span.bytes)
  }

  private func directoryEntry(_ entry: Entry) -> [UInt8] {
    // In this order in the ZIP64 field, each only if its own field is too narrow.
    let wide = [entry.byteCount, entry.storedByteCount, entry.offset].filter { $0 >= extendedThreshold }
    func narrow(_ value: Int) -> Int { value >= extendedThreshold ? Self.extended32 : value }
    var fields: [UInt8] = []
    fields.append(0x0201_4B50, byteCount: 4)
    fields.append(3 << 8 | (wide.isEmpty ? 20 : 45), byteCount: 2)
    fields += commonFields(entry, isExtended: !wide.isEmpty || entry.hasWideDescriptor)
    fields.append(Int(entry.checksum), byteCount: 4)
    fields.append(narrow(entry.storedByteCount), byteCount: 4)
    fields.append(narrow(entry.byteCount), byteCount: 4)
    fields.append(entry.name.count, byteCount: 2)
    fields.append(wide.isEmpty ? 0 : 4 + 8 * wide.count, byteCount: 2)
    fields.append(0, byteCount: 6)
    fields.append(0o644 << 16, byteCount: 4)
    fields.append(narrow(entry.offset), byteCount: 4)
    fields += entry.name
    if !wide.isEmpty {
      fields.append(1, byteCount: 2)
      fields.append(8 * wide.count, byteCount: 2)
      for value in wide { fields.append(value, byteCount: 8) }
    }
    return fields
  }
}

extension [UInt8] {
  /// Appends the low bytes of a number, little-endian.
  fileprivate mutating func append(_ value: Int, byteCount: Int) {
    for index in 0..<byteCount { append(UInt8(truncatingIfNeeded: value >> (8 * index))) }
  }
}
