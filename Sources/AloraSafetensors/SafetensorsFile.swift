package import AloraSystem
package import AloraTensors

/// A safetensors file: its metadata, and where its tensors lie.
///
/// Opening reads the header and checks every rule of the format; no tensor data is touched.
package final class SafetensorsFile: TensorSource {
  package let path: String
  /// The entries of `__metadata__`; empty if it is absent.
  package let metadata: [String: String]
  /// The tensors in the order of their data.
  package let tensors: [TensorDescription]
  /// The bytes before the data.
  package let headerByteCount: Int
  /// The bytes of the whole file.
  package var byteCount: Int { mapping.byteCount }
  private let mapping: MappedFile
  private let index: TensorIndex

  /// - Throws: ``FileError``; ``SafetensorsError``: every code up to `trailingBytes`.
  /// - Complexity: O(header), and O(n log n) for n tensors.
  package init(path: String) throws {
    let mapping = try MappedFile(path: path)
    let header = try SafetensorsHeader(file: mapping)
    self.path = path
    self.mapping = mapping
    metadata = header.metadata
    tensors = header.tensors
    headerByteCount = header.byteCount
    index = TensorIndex(tensors)
  }

  package func tensor(named name: String) -> TensorDescription? { index[name].map { tensors[$0] } }

  package func file(of tensor: TensorDescription) -> MappedFile { mapping }
}
