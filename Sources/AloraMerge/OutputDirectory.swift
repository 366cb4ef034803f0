internal import AloraModels
internal import AloraSafetensors
internal import AloraSystem

/// The directory that a merged model is written to, and the base's files that it needs besides weights.
struct OutputDirectory {
  private let path: String
  private let base: DirectoryContents
  private let existed: Bool
  private let replacesExisting: Bool
  private static let companionEndings = [".json", ".jinja", ".model", ".txt", ".tiktoken", ".py"]
  private static let companionLimit = 1 << 28

  /// A file that was read, and that appears with ``commit()``.
  struct Companion {
    fileprivate let output: AtomicFile
    let byteCount: Int

    func commit() throws(FileError) { try output.commit() }
  }

  /// - Throws: ``FileError`` `alreadyExists` for a directory with other files in it, unless they may be replaced;
  ///   ``MergeError`` `outputIsInput`, also for a directory with weights that would stay.
  init(path: String, model: ModelSource, weights: SafetensorsFileSet, replacesExisting: Bool) throws {
    self.path = path.utf8.count > 1 && path.hasSuffix("/") ? String(path.dropLast()) : path
    self.replacesExisting = replacesExisting
    base = try DirectoryContents(containing: weights.path)
    existed = FileSystem.kind(of: path) != nil
    guard existed else { return }
    if let mine = FileSystem.canonicalPath(path), mine == FileSystem.canonicalPath(base.path) {
      throw MergeError(
        .outputIsInput, path: path, problem: "the output would replace the base, which is read for it",
        remedy: .otherOutput)
    }
    guard FileSystem.kind(of: path) == .directory else {
      throw FileError(.notADirectory, operation: "write", path: path, detail: "it is a file, and a directory is needed")
    }
    let names = try FileSystem.names(inDirectory: path)
    guard names.isEmpty || replacesExisting else {
      throw FileError(.alreadyExists, operation: "write", path: path, detail: "the directory isn't empty")
    }
    let written = Set(weights.files.map { String(splitPath($0.path).name) } + base.names)
    let other = names.first { ($0.hasSuffix(".safetensors") || $0.hasSuffix(".index.json")) && !written.contains($0) }
    if let other {
      throw MergeError(
        .outputIsInput, path: "\(path)/\(other)", problem: "it would stay beside the merged weights",
        remedy: .otherOutput)
    }
  }

  func file(named name: String) -> String { "\(path)/\(name)" }

  func create() throws(FileError) { try FileSystem.createDirectory(path) }

  /// Takes the directory away again if this run made it and nothing is in it.
  func removeIfEmpty() { if !existed { FileSystem.removeEmptyDirectory(path) } }

  /// Copies of the configuration, the tokenizer and the like, config.json last. Links that lead out of the base's directory
  /// are left out, except a download cache's.
  ///
  /// - Throws: ``FileError``.
  func companions() throws -> [Companion] {
    let names = base.names.filter { name in
      !name.hasPrefix(".") && !name.hasPrefix("adapter_") && Self.companionEndings.contains(where: name.hasSuffix)
        && SafetensorsFileSet.isInside(base.file(name), directory: base.path)
        && FileSystem.kind(of: base.file(name)) == .regularFile
    }
    let ordered = names.filter { $0 != ModelFiles.configuration } + names.filter { $0 == ModelFiles.configuration }
    return try ordered.compactMap { name in
      let input = try MappedFile(path: base.file(name))
      guard input.byteCount <= Self.companionLimit else { return nil }
      let output = try AtomicFile(path: file(named: name), replacesExisting: replacesExisting)
      for first in stride(from: 0, to: input.byteCount, by: 1 << 20) {
        let bytes = try input.read(first..<min(first + (1 << 20), input.byteCount))
        try output.write(unsafe bytes.span.bytes)
      }
      return Companion(output: output, byteCount: input.byteCount)
    }
  }
}
