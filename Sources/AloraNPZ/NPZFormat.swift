/// NumPy's `.npz`: a ZIP archive of `.npy` members, each stored or deflated, with ZIP64 fields if needed.
///
/// The archive, from its end: end record (22 bytes and a comment); before it, if a number does not fit, the ZIP64
/// locator (20 bytes) and end record (56 bytes); before that the central directory, an entry per member (46 bytes, name,
/// extra fields, comment). At an entry's offset: the local header (30 bytes, name, extra fields) and the member's data.
///
/// A `.npy` member:
/// 1. The bytes `\x93NUMPY`, then the version, two bytes: 1.0, 2.0 or 3.0.
/// 2. The header's byte count, UInt16 in version 1 and UInt32 later, little-endian.
/// 3. The header, a Python dictionary `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`, padded with spaces to
///    a multiple of 64 and ended by a newline.
/// 4. The elements, in C order (last index fastest) or Fortran order.
///
/// Source: PKWARE's APPNOTE.TXT 6.3.10, sections 4.3 to 4.5; NumPy's `numpy/lib/format.py`.
enum NPZFormat {
  static let npyMagic: [UInt8] = [0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59]
  static let memberSuffix = ".npy"
  /// Deflate's largest ratio: a symbol of two bits for 258 bytes.
  static let greatestDeflateRatio = 1032
  /// By default, NumPy itself reads no header above 10,000 characters.
  static let npyHeaderByteLimit = 1 << 16
  static let dimensionLimit = 64
}

/// Limits of a reader.
package struct NPZLimits: Sendable {
  package var memberCount = 1 << 20
  package var directoryByteCount = 1 << 26
  /// The largest array that is read as a whole. Arrays of any size can be read row by row.
  ///
  /// Units: bytes.
  package var arrayByteCount = 1 << 28

  /// The most bytes that an archive may inflate to from less than a hundredth. Real logits don't compress that well.
  package var inflatedByteCount = 1 << 30

  package init() {}
}

/// Fixed-width little-endian numbers at checked offsets.
struct ZipFields {
  let bytes: [UInt8]

  /// Nil beyond the end.
  func number(at offset: Int, byteCount: Int) -> UInt64? {
    guard offset >= 0, offset <= bytes.count, byteCount <= bytes.count - offset else { return nil }
    var value: UInt64 = 0
    for index in 0..<byteCount { value |= UInt64(bytes[offset + index]) << UInt64(8 * index) }
    return value
  }

  func uint16(at offset: Int) -> Int? { number(at: offset, byteCount: 2).map { Int($0) } }
  func uint32(at offset: Int) -> Int? { number(at: offset, byteCount: 4).map { Int($0) } }
  /// Also nil if the number does not fit in an `Int`.
  func uint64(at offset: Int) -> Int? { number(at: offset, byteCount: 8).flatMap { Int(exactly: $0) } }

  func slice(at offset: Int, byteCount: Int) -> [UInt8]? {
    guard offset >= 0, offset <= bytes.count, byteCount <= bytes.count - offset else { return nil }
    return [UInt8](bytes[offset..<(offset + byteCount)])
  }
}
