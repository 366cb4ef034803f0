internal import CLinux

/// A file that appears at its path only when it is complete.
///
/// Bytes go to an unnamed file in the same directory (`O_TMPFILE`), or to one with a temporary name if the file system has
/// no unnamed files. ``commit()`` syncs the file, links it into place and syncs the directory. A process that is killed
/// leaves the old file or the new one; if it leaves a temporary file, the next run with the same path removes it. Two runs
/// may write the same path at once, because each has its own file: if files may be replaced, the last to commit wins,
/// otherwise the first. If the path is a link, the link stays and its target is replaced. Not thread-safe.
public final class AtomicFile {
  public let path: String
  /// `path`, or its target if it is a link.
  private let place: String
  /// Bytes written so far.
  public private(set) var byteCount = 0
  private let replacesExisting: Bool
  private let syscalls: Syscalls
  /// Nil when committed.
  private var temporary: TemporaryFile?
  private var pending: [UInt8] = []
  private static let pendingLimit = 1 << 16
  /// Bytes written since write-back was last started.
  private var unstartedByteCount = 0
  private static let writebackByteCount = 1 << 25

  /// - Parameter replacesExisting: whether an existing file at `path` may be replaced.
  /// - Throws: `alreadyExists`, `notFound` (no such directory), `permissionDenied`, `noSpace`, `system`.
  public convenience init(path: String, replacesExisting: Bool) throws(FileError) {
    try self.init(path: path, replacesExisting: replacesExisting, syscalls: .live)
  }

  package init(path: String, replacesExisting: Bool, syscalls: Syscalls) throws(FileError) {
    guard !splitPath(path).name.isEmpty else {
      throw FileError(.notARegularFile, operation: "write", path: path, detail: "it isn't the path of a file")
    }
    var status = stat()
    var place = path
    if unsafe lstat(path, &status) == 0 {
      let isLink = status.st_mode & S_IFMT == S_IFLNK
      // A dangling link counts as existing.
      let leadsNowhere = unsafe isLink && stat(path, &status) != 0
      guard leadsNowhere || status.st_mode & S_IFMT == S_IFREG else {
        throw FileError(
          .notARegularFile, operation: "write", path: path, detail: "it exists and is not a regular file")
      }
      guard replacesExisting else {
        throw FileError(.alreadyExists, operation: "write", path: path, detail: "a file of that name exists")
      }
      if isLink, let resolved = FileSystem.canonicalPath(path) { place = resolved }
    }
    self.path = path
    self.place = place
    self.replacesExisting = replacesExisting
    self.syscalls = syscalls
    temporary = try TemporaryFile(target: place, syscalls: syscalls)
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

  /// Syncs the file and makes it appear at its path.
  ///
  /// - Throws: `alreadyExists` if a file has meanwhile appeared at the path and must not be replaced, `noSpace`, `system`.
  public func commit() throws(FileError) {
    try flush()
    let temporary = open()
    guard syscalls.sync(temporary.descriptor) == 0 else { throw .current(operation: "sync", path: path) }
    try temporary.publish(replacingExisting: replacesExisting)
    self.temporary = nil
    let directory = syscalls.open(splitPath(place).directory, O_RDONLY | O_CLOEXEC, 0)
    if directory >= 0 {
      // If the directory can't be synced (as on some network file systems), the file is in place anyway.
      _ = syscalls.sync(directory)
      _ = syscalls.close(directory)
    }
  }

  private func open() -> TemporaryFile {
    guard let temporary else { preconditionFailure("used after commit()") }
    return temporary
  }

  private func flush() throws(FileError) {
    guard !pending.isEmpty else { return }
    let bytes = pending
    try writeNow(unsafe bytes.span.bytes)
    pending = []
  }

  private func writeNow(_ bytes: RawSpan) throws(FileError) {
    let descriptor = open().descriptor
    var done = 0
    while done < bytes.byteCount {
      let wrote = syscalls.write(descriptor, bytes.extracting(droppingFirst: done))
      if wrote < 0 {
        if errno == EINTR { continue }
        throw .current(operation: "write", path: path)
      }
      guard wrote > 0 else {
        throw FileError(.system, operation: "write", path: path, detail: "the system wrote no bytes")
      }
      done += wrote
    }
    startWriteback(adding: bytes.byteCount)
  }

  /// Starts write-back of the bytes so far, so that the final sync is shorter.
  private func startWriteback(adding count: Int) {
    #if os(Linux)
      unstartedByteCount += count
      guard unstartedByteCount >= Self.writebackByteCount else { return }
      // Only a hint, so a failure doesn't matter.
      _ = sync_file_range(open().descriptor, 0, 0, ALORA_SYNC_FILE_RANGE_WRITE)
      unstartedByteCount = 0
    #endif
  }
}
