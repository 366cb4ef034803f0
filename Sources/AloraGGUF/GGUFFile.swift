package import AloraSystem
package import AloraTensors

/// A GGUF file: its metadata, and where its tensors lie.
///
/// Opening reads and checks only the header, however large the data is. Everything that llama.cpp refuses is refused here,
/// too, for example duplicates, offsets that don't follow from the sizes, and data beyond the end.
/// The header of a big-endian file can be read; its tensor data can't.
package final class GGUFFile: TensorSource {
  package let path: String
  /// 2 or 3.
  package let version: Int
  package let isBigEndian: Bool
  package let metadata: GGUFMetadata
  package let tensors: [TensorDescription]
  /// Tensors of types that llama.cpp doesn't know; empty unless they were asked for.
  package let foreignTensors: [GGUFForeignTensor]
  /// Units: bytes; a power of two.
  package let alignment: Int
  /// The bytes before the data section, padding included.
  package let headerByteCount: Int
  /// The bytes of the whole file.
  package var byteCount: Int { mapping.byteCount }

  private let index: TensorIndex
  private let mapping: MappedFile

  /// - Parameter readsForeignTypes: whether tensors of unknown types are listed instead of refused.
  /// - Throws: ``FileError``, ``GGUFError``: every code up to `tensorOutOfRange`.
  /// - Complexity: O(header).
  package init(path: String, limits: GGUFLimits = GGUFLimits(), readsForeignTypes: Bool = false) throws {
    let mapping = try MappedFile(path: path)
    var parser = GGUFHeaderParser(file: mapping, limits: limits, readsForeignTypes: readsForeignTypes)
    try parser.parse()
    self.path = path
    self.mapping = mapping
    version = parser.version
    isBigEndian = parser.cursor.isBigEndian
    metadata = parser.metadata
    tensors = parser.tensors
    foreignTensors = parser.foreignTensors
    alignment = parser.alignment
    headerByteCount = parser.dataOffset
    index = parser.index
  }

  package func tensor(named name: String) -> TensorDescription? { index[name].map { tensors[$0] } }

  /// - Throws: `unsupportedByteOrder` if the file is big-endian.
  package func file(of tensor: TensorDescription) throws -> MappedFile {
    guard !isBigEndian else {
      throw GGUFError(
        .unsupportedByteOrder, path: path, subject: "tensor \(tensor.name)",
        problem: "only the header of a big-endian file is read")
    }
    return mapping
  }

  /// Whether the file starts with GGUF's magic bytes.
  ///
  /// - Throws: ``FileError`` if the file can't be read, because then its format is unknown.
  package static func isGGUF(path: String) throws(FileError) -> Bool {
    let file = try MappedFile(path: path)
    guard file.byteCount >= 4 else { return false }
    return try file.read(0..<4) == GGUFFormat.magic
  }
}
