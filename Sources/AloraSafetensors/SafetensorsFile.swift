public import AloraSystem
public import AloraTensors

/// A safetensors file: its metadata, and where its tensors lie.
///
/// Opening reads the header and checks every rule of the format; no tensor data is touched.
public final class SafetensorsFile: TensorSource {
  public let path: String
  /// What `__metadata__` says; empty where it is absent.
  public let metadata: [String: String]
  /// The tensors in the order of their data.
  public let tensors: [TensorDescription]
  /// The bytes before the data.
  public let headerByteCount: Int
  /// The bytes of the whole file.
  public var byteCount: Int { mapping.byteCount }
  private let mapping: MappedFile
  private let index: TensorIndex

  /// - Throws: ``FileError``; ``SafetensorsError``: every code up to `trailingBytes`.
  /// - Complexity: O(header), and O(n log n) for n tensors.
  public init(path: String) throws {
    let mapping = try MappedFile(path: path)
    let header = try SafetensorsHeader(file: mapping)
    self.path = path
    self.mapping = mapping
    metadata = header.metadata
    tensors = header.tensors
    headerByteCount = header.byteCount
    index = TensorIndex(tensors)
  }

  public func tensor(named name: String) -> TensorDescription? { index[name].map { tensors[$0] } }

  public func file(of tensor: TensorDescription) -> MappedFile { mapping }
}
