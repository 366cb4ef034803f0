internal import CLinux

#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

/// A file that appears at its path complete or not at all.
///
/// Bytes go to a new file beside the target (same directory, so that the rename cannot cross file systems); ``commit()``
/// syncs it, renames it over the target and syncs the directory. An object that goes away uncommitted removes its file.
/// Not thread-safe.
public final class AtomicFile {
  public let path: String
  /// Bytes written so far.
  public private(set) var byteCount = 0
  private let temporaryPath: String
  private let replacesExisting: Bool
  private let syscalls: Syscalls
  private var descriptor: Int32
  private var pending: [UInt8] = []
  private static let pendingLimit = 1 << 16
  /// Bytes written since the disk was last told to begin.
  private var unstartedByteCount = 0
  private static let writebackByteCount = 1 << 25

  /// - Parameter replacesExisting: whether a file that stands at `path` may be replaced.
  /// - Throws: `alreadyExists`, `notFound` (no such directory), `permissionDenied`, `noSpace`, `system`.
  public convenience init(path: String, replacesExisting: Bool) throws(FileError) {
    try self.init(path: path, replacesExisting: replacesExisting, syscalls: .live)
  }

  package init(path: String, replacesExisting: Bool, syscalls: Syscalls) throws(FileError) {
    var status = stat()
    if unsafe lstat(path, &status) == 0 {
      guard status.st_mode & S_IFMT == S_IFREG || status.st_mode & S_IFMT == S_IFLNK else {
        throw FileError(
          .notARegularFile, operation: "write", path: path, detail: "something that is no file stands there")
      }
      guard replacesExisting else {
        throw FileError(.alreadyExists, operation: "write", path: path, detail: "a file of that name exists")
      }
    }
    let (directory, name) = splitPath(path)
    var attempt = 0
    var descriptor: Int32 = -1
    var temporaryPath = ""
    // Two runs may write the same target at once: each has a file of its own, and the last rename wins.
    repeat {
      temporaryPath = "\(directory)/.\(name.prefix(200)).\(getpid()).\(attempt).tmp"
      descriptor = syscalls.open(temporaryPath, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      attempt += 1
    } while descriptor < 0 && errno == EEXIST && attempt < 1000
    guard descriptor >= 0 else { throw .current(operation: "create", path: path) }
    self.path = path
    self.temporaryPath = temporaryPath
    self.replacesExisting = replacesExisting
    self.syscalls = syscalls
    self.descriptor = descriptor
  }

  deinit {
    guard descriptor >= 0 else { return }
    _ = syscalls.close(descriptor)
    _ = unsafe unlink(temporaryPath)
  }

  /// Appends `bytes`.
  ///
  /// - Throws: `noSpace`, `system`.
  public func write(_ bytes: RawSpan) throws(FileError) {
    if pending.count + bytes.byteCount <= Self.pendingLimit {
      // Safe: the buffer is read within the call only.
      unsafe bytes.withUnsafeBytes { unsafe pending.append(contentsOf: $0) }
    } else {
      try flush()
      try writeNow(bytes)
    }
    byteCount += bytes.byteCount
  }

  /// Appends `count` zero bytes.
  public func writeZeros(_ count: Int) throws(FileError) {
    try write(unsafe [UInt8](repeating: 0, count: count).span.bytes)
  }

  /// Makes the file appear at its path with everything written, on disk.
  ///
  /// - Throws: `alreadyExists` where a file has appeared at the path meanwhile and must not be replaced, `noSpace`, `system`.
  public func commit() throws(FileError) {
    precondition(descriptor >= 0, "committed twice")
    try flush()
    guard syscalls.sync(descriptor) == 0 else { throw .current(operation: "sync", path: path) }
    guard syscalls.close(descriptor) == 0 else { throw abandoning(.current(operation: "close", path: path)) }
    descriptor = -1
    if !replacesExisting {
      // link() fails where the target exists, which rename() would not.
      guard unsafe link(temporaryPath, path) == 0 || errno != EEXIST else {
        throw abandoning(.current(operation: "write", path: path))
      }
    }
    guard syscalls.rename(temporaryPath, path) == 0 else { throw abandoning(.current(operation: "rename", path: path)) }
    // rename() of two links to one file does nothing, by POSIX: then the temporary name is still there.
    _ = unsafe unlink(temporaryPath)
    let directory = syscalls.open(splitPath(path).directory, O_RDONLY | O_CLOEXEC, 0)
    if directory >= 0 {
      _ = syscalls.sync(directory)
      _ = syscalls.close(directory)
    }
  }

  private func abandoning(_ error: FileError) -> FileError {
    if descriptor >= 0 { descriptor = -1 }
    _ = unsafe unlink(temporaryPath)
    return error
  }

  private func flush() throws(FileError) {
    guard !pending.isEmpty else { return }
    let bytes = pending
    try writeNow(unsafe bytes.span.bytes)
    pending = []
  }

  private func writeNow(_ bytes: RawSpan) throws(FileError) {
    var done = 0
    while done < bytes.byteCount {
      let wrote = syscalls.write(descriptor, bytes.extracting(droppingFirst: done))
      if wrote < 0 {
        if errno == EINTR { continue }
        throw .current(operation: "write", path: path)
      }
      done += wrote
    }
    startWriteback(adding: bytes.byteCount)
  }

  /// Lets the disk begin with what has been written, so that the sync at the end has less to wait for.
  private func startWriteback(adding count: Int) {
    #if os(Linux)
      unstartedByteCount += count
      guard unstartedByteCount >= Self.writebackByteCount else { return }
      // A hint: whether it succeeds changes nothing.
      _ = sync_file_range(descriptor, 0, 0, ALORA_SYNC_FILE_RANGE_WRITE)
      unstartedByteCount = 0
    #endif
  }
}

private func splitPath(_ path: String) -> (directory: String, name: Substring) {
  guard let slash = path.lastIndex(of: "/") else { return (".", path[...]) }
  let directory = slash == path.startIndex ? "/" : String(path[..<slash])
  return (directory, path[path.index(after: slash)...])
}
