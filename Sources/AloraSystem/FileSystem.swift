/// Operations of the file system besides reading and writing files.
public enum FileSystem {
  public enum Kind: Sendable { case regularFile, directory, other }

  /// What `path` leads to, after following links; nil if nothing exists there or it can't be seen.
  public static func kind(of path: String) -> Kind? {
    var status = stat()
    guard unsafe stat(path, &status) == 0 else { return nil }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return .regularFile
    case S_IFDIR: return .directory
    default: return .other
    }
  }

  /// True if both paths lead to the same file, after following links; false if either can't be seen.
  public static func isSameFile(_ path: String, _ other: String) -> Bool {
    var (mine, theirs) = (stat(), stat())
    guard unsafe stat(path, &mine) == 0, unsafe stat(other, &theirs) == 0 else { return false }
    return mine.st_dev == theirs.st_dev && mine.st_ino == theirs.st_ino
  }

  public enum EntryKind: Sendable { case regularFile, directory, link, other }

  /// What exists at `path` itself, without following a link.
  ///
  /// - Throws: `notFound`, `permissionDenied`, `system`.
  public static func entryKind(of path: String) throws(FileError) -> EntryKind {
    var status = stat()
    guard unsafe lstat(path, &status) == 0 else { throw .current(operation: "look at", path: path) }
    switch status.st_mode & S_IFMT {
    case S_IFREG: return .regularFile
    case S_IFDIR: return .directory
    case S_IFLNK: return .link
    default: return .other
    }
  }

  /// The names in a directory, without `.` and `..`, sorted by their bytes.
  ///
  /// - Throws: `notFound`, `permissionDenied`, `system`.
  public static func names(inDirectory path: String) throws(FileError) -> [String] {
    guard let stream = unsafe opendir(path) else { throw .current(operation: "list", path: path) }
    defer { _ = unsafe closedir(stream) }
    var names: [String] = []
    while let entry = unsafe readdir(stream) {
      let name = unsafe withUnsafePointer(to: &entry.pointee.d_name) {
        // Safe: d_name is NUL-terminated within the entry, which lives until the next readdir.
        unsafe $0.withMemoryRebound(to: CChar.self, capacity: MemoryLayout.size(ofValue: entry.pointee.d_name)) {
          unsafe String(cString: $0)
        }
      }
      if name != "." && name != ".." { names.append(name) }
    }
    return names.sorted { $0.utf8.lexicographicallyPrecedes($1.utf8) }
  }

  /// Creates a directory and any missing parents.
  ///
  /// - Throws: `permissionDenied`, `notFound`, `notADirectory`, `noSpace`, `system`.
  public static func createDirectory(_ path: String) throws(FileError) {
    // Checked before the first directory is created, not after two thousand.
    guard path.utf8.count < Int(PATH_MAX) else {
      errno = ENAMETOOLONG
      throw .current(operation: "create", path: path)
    }
    if kind(of: path) == .directory { return }
    if let slash = path.lastIndex(of: "/"), slash != path.startIndex {
      try createDirectory(String(path[..<slash]))
    }
    guard unsafe mkdir(path, 0o777) == 0 || errno == EEXIST else { throw .current(operation: "create", path: path) }
    guard kind(of: path) == .directory else {
      throw FileError(
        .notADirectory, operation: "create", path: path, detail: "it is a file, and a directory is needed")
    }
  }

  /// Removes a directory that is empty; does nothing otherwise.
  public static func removeEmptyDirectory(_ path: String) { _ = unsafe rmdir(path) }

  /// The path with links and `..` resolved, or nil if it does not exist.
  public static func canonicalPath(_ path: String) -> String? {
    guard let resolved = unsafe realpath(path, nil) else { return nil }
    defer { unsafe free(resolved) }
    return unsafe String(cString: resolved)
  }

  /// The target of the link at `path`; nil if it isn't a link.
  public static func linkTarget(of path: String) -> String? {
    // Safe: the system writes at most as many bytes as the array has, and says how many.
    let bytes = unsafe [UInt8](unsafeUninitializedCapacity: Int(PATH_MAX)) { buffer, count in
      let base = unsafe UnsafeMutableRawPointer(buffer.baseAddress)?.assumingMemoryBound(to: CChar.self)
      count = unsafe base.map { unsafe max(0, readlink(path, $0, buffer.count)) } ?? 0
    }
    return bytes.isEmpty ? nil : String(decoding: bytes, as: UTF8.self)
  }

  /// Whether standard error or another descriptor is a terminal.
  public static func isTerminal(descriptor: Int32) -> Bool { isatty(descriptor) == 1 }

  /// The value of an environment variable.
  public static func environment(_ name: String) -> String? {
    guard let value = unsafe getenv(name) else { return nil }
    return unsafe String(cString: value)
  }
}
