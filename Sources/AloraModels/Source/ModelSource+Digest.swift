internal import AloraGGUF
internal import AloraSafetensors
internal import AloraSystem
package import AloraTensors

extension ModelSource {
  /// The SHA-256 of the bytes of the model's files as they are now: of a GGUF and its parts, or of the configuration and
  /// the safetensors.
  ///
  /// - Throws: ``FileError``, ``SafetensorsError``, ``JSONError``.
  /// - Complexity: O(n) in the files' bytes.
  package func digest() throws -> Digest {
    let paths: [String]
    switch storage {
    case .gguf(let files): paths = files.parts.map(\.path)
    case .directory(let directory, let configurationPath):
      paths = [configurationPath] + (try SafetensorsFileSet(directory: directory.path).files.map(\.path))
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
