package import AloraSystem

/// A source of tensors in one or several files: a GGUF or safetensors file, or a model in parts.
package protocol TensorSource: Sendable {
  /// All tensors, in the order of the files. Names are unique.
  var tensors: [TensorDescription] { get }

  /// The tensor of that name, compared byte by byte.
  func tensor(named name: String) -> TensorDescription?

  /// The file with the tensor's data, which `tensor.byteRange` is a part of.
  ///
  /// - Throws: if the data can't be read on this machine.
  func file(of tensor: TensorDescription) throws -> MappedFile
}

extension TensorSource {
  /// Calls `body` with the bytes of a tensor of this source, unaligned and not copied.
  ///
  /// - Throws: as ``file(of:)``, and what `body` throws.
  package func withBytes<Result>(of tensor: TensorDescription, _ body: (RawSpan) throws -> Result) throws -> Result {
    try file(of: tensor).withBytes(in: tensor.byteRange, body)
  }

  /// The bytes of a tensor or of a part of it, read without touching the mapping.
  ///
  /// - Parameter range: counted from the tensor's first byte; nil: the whole tensor.
  /// - Throws: ``FileError`` `changed` if the file has become shorter; as ``file(of:)``.
  package func readBytes(of tensor: TensorDescription, in range: Range<Int>? = nil) throws -> [UInt8] {
    let part = range ?? 0..<tensor.byteRange.count
    precondition(part.lowerBound >= 0 && part.upperBound <= tensor.byteRange.count, "range outside the tensor")
    let start = tensor.byteRange.lowerBound
    return try file(of: tensor).read((start + part.lowerBound)..<(start + part.upperBound))
  }

  /// Whether a tensor of this source and another have the same type, shape and bytes.
  ///
  /// - Parameter source: the other tensor's; nil for this one.
  /// - Throws: as ``readBytes(of:in:)``.
  package func haveEqualBytes(
    _ tensor: TensorDescription, _ other: TensorDescription, in source: (any TensorSource)? = nil
  ) throws -> Bool {
    guard tensor.dtype == other.dtype, tensor.shape == other.shape else { return false }
    for start in stride(from: 0, to: tensor.byteRange.count, by: 1 << 20) {
      let range = start..<min(start + (1 << 20), tensor.byteRange.count)
      let bytes = try source?.readBytes(of: other, in: range) ?? readBytes(of: other, in: range)
      guard try readBytes(of: tensor, in: range) == bytes else { return false }
    }
    return true
  }
}

/// Tensors by name. Names are compared by their bytes, because `String` treats canonically equal ones as the same.
package struct TensorIndex: Sendable {
  private var indices: [[UInt8]: Int] = [:]

  package init() {}

  /// The places of tensors in a list; of two with one name, the first.
  package init(_ tensors: [TensorDescription]) {
    for (position, tensor) in tensors.enumerated() { _ = insert(tensor.name, index: position) }
  }

  /// Remembers a name; false if it is known already.
  package mutating func insert(_ name: String, index: Int) -> Bool {
    let key = [UInt8](name.utf8)
    guard indices[key] == nil else { return false }
    indices[key] = index
    return true
  }

  package subscript(name: String) -> Int? { indices[[UInt8](name.utf8)] }
}
