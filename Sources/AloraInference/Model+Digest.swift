public import AloraTensors
internal import AloraSystem
internal import AloraGGUF
internal import AloraSafetensors
internal import CAloraKernels

extension Model {
  /// The SHA-256 of the bytes of the model's files as they are now: of a GGUF and its parts, or of config.json and the
  /// safetensors.
  ///
  /// - Throws: ``FileError``, ``GGUFError``, ``SafetensorsError``, ``JSONError``.
  /// - Complexity: O(n) in the files' bytes.
  public func filesDigest() throws -> Digest {
    var paths: [String]
    if FileSystem.kind(of: path) == .directory {
      paths = [path + "/config.json"] + (try SafetensorsFileSet(directory: path).files.map(\.path))
    } else {
      paths = try GGUFFileSet(path: path).parts.map(\.path)
    }
    var hasher = Digest.Hasher()
    for path in paths {
      let file = try MappedFile(path: path)
      hasher.add([UInt8]("\(file.byteCount)\n".utf8))
      try hasher.add(file)
    }
    return hasher.end()
  }
}

extension Digest {
  /// Of a file's bytes.
  ///
  /// - Throws: ``FileError``.
  public init(file path: String) throws {
    var hasher = Hasher()
    try hasher.add(MappedFile(path: path))
    self = hasher.end()
  }
}

extension Digest.Hasher {
  fileprivate mutating func add(_ file: MappedFile) throws {
    for first in stride(from: 0, to: file.byteCount, by: 1 << 20) {
      add(try file.read(first..<min(first + 1 << 20, file.byteCount)))
    }
  }
}

/// The version of the order of every sum; see `alora_kernels.h`. Numbers of different versions do not mix.
package let exactnessVersion = Int(ALORA_EXACTNESS_VERSION)
