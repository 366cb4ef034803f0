package import AloraSystem
internal import AloraGGUF

/// The kind of file or directory at a path. No other code decides it.
///
/// A file is known by its first bytes, and JSON by its name; a directory by the files in it. Nothing else is read.
package enum PathContents: Sendable {
  case gguf
  case safetensors
  case safetensorsIndex
  /// `.npz` or `.npy`.
  case arrays
  /// A model's configuration.
  case configuration
  case adapterConfiguration
  /// tokenizer.json, or another JSON file.
  case json
  case foreign(FileSignature)
  case directory(DirectoryContents)

  /// - Throws: ``FileError`` if the path can't be read; ``PathError`` (`notFound`, `hubIdentifier`).
  package init(path: String) throws {
    switch FileSystem.kind(of: path) {
    case .directory: self = .directory(try DirectoryContents(path: path))
    case nil where FileSystem.linkTarget(of: path) == nil: throw try Self.missing(path)
    default: self = try Self.file(path)
    }
  }

  private static func file(_ path: String) throws(FileError) -> PathContents {
    let signature = try FileSignature(path: path)
    let name = path.split(separator: "/").last.map(String.init) ?? path
    switch signature {
    case .gguf: return .gguf
    case .numpyArray, .numpyArchive: return .arrays
    case .safetensors: return .safetensors
    default: break
    }
    // These names promise a format whatever the bytes are, and that format's reader reports the problem.
    if name.hasSuffix(".safetensors") { return .safetensors }
    if name.hasSuffix(".npz") || name.hasSuffix(".npy") { return .arrays }
    if name.hasSuffix(".gguf") { return .gguf }
    guard name.hasSuffix(".json") else { return .foreign(signature) }
    if name.hasSuffix(".safetensors.index.json") { return .safetensorsIndex }
    if name.hasSuffix(ModelFiles.adapterConfiguration) { return .adapterConfiguration }
    let others = [ModelFiles.generationConfiguration, "tokenizer_config.json"]
    if name.hasSuffix(ModelFiles.configuration), !others.contains(name) { return .configuration }
    return .json
  }

  private static func missing(_ path: String) throws(FileError) -> PathError {
    // If a directory on the path can't be searched, it's unknown whether the file exists.
    do throws(FileError) { _ = try FileSystem.entryKind(of: path) } catch {
      guard error.code == .notFound else { throw error }
    }
    if isHubIdentifier(path) {
      return PathError(
        .hubIdentifier, path: path,
        problem: "there is no such file or directory, and alora downloads nothing from the Hugging Face Hub",
        remedy: "run `hf download \(path)`, and pass the directory that it prints")
    }
    return PathError(
      .notFound, path: path, problem: "there is no such file or directory", remedy: "check the path")
  }

  /// Whether it looks like `org/name` and no directory `org` exists.
  static func isHubIdentifier(_ path: String) -> Bool {
    let parts = path.split(separator: "/", omittingEmptySubsequences: false)
    guard parts.count == 2, path.utf8.count <= 96 * 2 + 1, FileSystem.kind(of: String(parts[0])) == nil else {
      return false
    }
    // A file's name is more likely meant for a file.
    let extensions = [".gguf", ".safetensors", ".json", ".bin", ".npz", ".txt", ".jsonl"]
    return !extensions.contains(where: path.hasSuffix)
      && parts.allSatisfy { part in
        part.first.map { $0.isLetter || $0.isNumber } == true
          && part.utf8.allSatisfy { byte in
            switch byte {
            case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
            default: false
            }
          }
      }
  }
}

/// The names in a directory, and conclusions from them.
package struct DirectoryContents: Sendable {
  /// Without a slash at its end.
  package let path: String
  /// Sorted, including dangling links.
  package let names: [String]

  /// - Throws: ``FileError`` if it can't be listed.
  package init(path: String) throws(FileError) {
    let directory = path.utf8.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    self.path = directory
    do throws(FileError) { names = try FileSystem.names(inDirectory: directory) } catch {
      // Files with known names may still be readable.
      let known = [
        ModelFiles.configuration, ModelFiles.tokenizer, ModelFiles.adapterConfiguration, ModelFiles.adapterWeights,
      ].filter { FileSystem.kind(of: "\(directory)/\($0)") == .regularFile }
      guard error.code == .permissionDenied, !known.isEmpty else { throw error }
      names = known
    }
  }

  /// The directory of a file.
  ///
  /// - Throws: ``FileError`` if it can't be listed.
  package init(containing path: String) throws(FileError) { try self.init(path: parentDirectory(of: path)) }

  package func contains(_ name: String) -> Bool { names.contains { $0.utf8.elementsEqual(name.utf8) } }

  /// The path of one of the names.
  package func file(_ name: String) -> String { path == "/" ? "/\(name)" : "\(path)/\(name)" }

  package var hasConfiguration: Bool { contains(ModelFiles.configuration) }
  /// An adapter in PEFT's layout, or at least its configuration.
  package var hasAdapterConfiguration: Bool { contains(ModelFiles.adapterConfiguration) }
  /// An adapter that MLX saved: its files have other names, and other contents, than PEFT's.
  package var isMLXAdapter: Bool {
    contains(ModelFiles.mlxAdapterWeights) && !contains(ModelFiles.adapterWeights)
  }
  package var hasWeights: Bool { ModelFiles.weights.contains(where: contains) }

  /// GGUF files; of one in several parts, the first part.
  package var ggufs: [String] {
    names.filter { name in
      guard name.hasSuffix(".gguf") else { return false }
      guard let range = name.range(ofSuffixPattern: "-of-") else { return true }
      return name[range].hasPrefix("-00001-of-")
    }
  }
}

extension String {
  /// The `-00002-of-00005.gguf` at the end.
  fileprivate func range(ofSuffixPattern middle: String) -> Range<String.Index>? {
    let suffix = suffix("-00000-of-00000.gguf".count)
    guard suffix.count == 20, suffix.dropFirst(6).hasPrefix(middle), suffix.hasPrefix("-") else { return nil }
    return suffix.startIndex..<suffix.endIndex
  }
}
