internal import AloraTensors

/// Reads a floating-point array row by row along its first dimension, for logits that need not be in memory at once.
///
/// The rows of an array in Fortran order are scattered over the file, so it is read at once, within ``NPZLimits``.
/// Not thread-safe.
package final class NPZRowReader {
  package let rowCount: Int
  /// The elements of a row.
  package let columnCount: Int
  private let array: NPZArray
  private let stream: ZipMemberStream?
  private let whole: [Float]
  private let convert: NPZFile.Conversion<Float>
  private var nextIndex = 0

  /// - Throws: `missingArray`, `wrongType`, `wrongShape` for a scalar, `tooLarge` for rows that are; for Fortran order as ``NPZFile/floats(named:)``.
  package init(_ file: NPZFile, named name: String) throws {
    array = try file.array(named: name)
    convert = try file.floatConversion(array)
    guard let rowCount = array.shape.dimensions.first else {
      throw file.failure(.wrongShape, name, "expected rows, found a scalar")
    }
    self.rowCount = rowCount
    columnCount = rowCount == 0 ? 0 : array.shape.elementCount / rowCount
    try file.checkSize(array, elementCount: columnCount, stride: max(array.element.byteCount ?? 1, 4))
    let isScattered = array.isFortranOrder && array.shape.rank > 1
    whole = isScattered ? try file.floats(named: name) : []
    stream = isScattered ? nil : try file.stream(of: array)
  }

  /// The next row; nil after the last one, once length and checksum have been verified.
  ///
  /// - Throws: `corruptData`, `checksumMismatch`, ``FileError``.
  package func next() throws -> [Float]? {
    guard nextIndex < rowCount else { return nil }
    defer { nextIndex += 1 }
    guard let stream else { return [Float](whole[(nextIndex * columnCount)..<((nextIndex + 1) * columnCount)]) }
    let itemByteCount = array.element.byteCount ?? 1
    var row: [Float] = []
    append(
      try stream.read(columnCount * itemByteCount), itemByteCount: itemByteCount, isBigEndian: array.isBigEndian,
      to: &row,
      convert)
    return row
  }
}
