internal import CLinux

/// The file that receives bytes until all are written.
///
/// If the file system supports `O_TMPFILE`, the file has no name until it is linked into place, so a killed process leaves
/// nothing. Otherwise, and briefly while it replaces another file, it is called `.<name>.alora-<n>.tmp` and is locked. The
/// lock ends with the process, however that ends, so the next run with the same path can distinguish an abandoned file from
/// one that another process is still writing, on this machine or another.
final class TemporaryFile {
  let descriptor: Int32
  private let target: String
  private let syscalls: Syscalls
  /// Its own name; nil as long as it has none, and when it has taken its place.
  private var path: String?

  private static let nameLimit = 1000
  private static let sweptNameCount = 8

  /// - Throws: ``FileError`` of opening a file in the directory of `target`.
  init(target: String, syscalls: Syscalls) throws(FileError) {
    self.target = target
    self.syscalls = syscalls
    Self.removeAbandoned(target: target, syscalls: syscalls)
    if let nameless = Self.openNameless(target: target, syscalls: syscalls) {
      descriptor = nameless
    } else {
      let (opened, name) = try Self.openNamed(target: target, syscalls: syscalls)
      descriptor = opened
      path = name
    }
  }

  deinit {
    if let path { _ = unsafe unlink(path) }
    _ = syscalls.close(descriptor)
  }

  /// Gives the file its place, at once and whole. Once only.
  ///
  /// - Throws: `alreadyExists` if something exists there and must not be replaced; `noSpace`, `system`.
  func publish(replacingExisting: Bool) throws(FileError) {
    if path == nil {
      if syscalls.linkDescriptor(descriptor, target) == 0 { return }
      guard errno == EEXIST, replacingExisting else { throw .current(operation: "write", path: target) }
      path = try takeName()
    }
    guard let path else { return }
    if replacingExisting {
      guard syscalls.rename(path, target) == 0 else { throw .current(operation: "rename", path: target) }
      self.path = nil
    } else {
      try moveToFreePlace(from: path)
    }
  }

  // MARK: Opening

  private static func openNameless(target: String, syscalls: Syscalls) -> Int32? {
    #if os(Linux)
      let directory = splitPath(target).directory
      let descriptor = syscalls.open(directory, O_WRONLY | O_CLOEXEC | ALORA_O_TMPFILE, 0o666)
      // Whatever the reason: a file with a name is tried next, and its error is the one to tell.
      guard descriptor >= 0 else { return nil }
      // Without /proc it could not be given a name later.
      var status = stat()
      guard unsafe lstat(descriptorPath(descriptor), &status) == 0 else {
        _ = syscalls.close(descriptor)
        return nil
      }
      return descriptor
    #else
      return nil
    #endif
  }

  private static func openNamed(target: String, syscalls: Syscalls) throws(FileError) -> (Int32, String) {
    for index in 0..<nameLimit {
      let path = temporaryName(target, index)
      let descriptor = syscalls.open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
      if descriptor >= 0 {
        // Between these calls another run may have taken the file for one left behind.
        var status = stat()
        if lock(descriptor) != .heldByAnother, unsafe fstat(descriptor, &status) == 0, status.st_nlink > 0 {
          return (descriptor, path)
        }
        _ = syscalls.close(descriptor)
      } else if errno != EEXIST {
        throw .current(operation: "create", path: target)
      }
    }
    throw noNameLeft(target)
  }

  /// A name for a file that has none, which it bears between two system calls.
  private func takeName() throws(FileError) -> String {
    _ = lock(descriptor)
    for index in 0..<Self.nameLimit {
      let path = temporaryName(target, index)
      if syscalls.linkDescriptor(descriptor, path) == 0 { return path }
      guard errno == EEXIST else { throw .current(operation: "write", path: target) }
    }
    throw noNameLeft(target)
  }

  // MARK: Taking a place

  /// Moves the file to a path, unless something exists there. If the file system supports neither an exclusive rename nor
  /// hard links, an empty file reserves the path between two system calls; a process that is killed between them leaves it.
  private func moveToFreePlace(from path: String) throws(FileError) {
    if syscalls.renameNew(path, target) == 0 {
      self.path = nil
      return
    }
    guard isUnsupported(errno) else { throw .current(operation: "write", path: target) }
    // The temporary name stays, and goes with this object.
    if syscalls.link(path, target) == 0 { return }
    guard isUnsupported(errno) else { throw .current(operation: "write", path: target) }
    let place = syscalls.open(target, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0o666)
    guard place >= 0 else { throw .current(operation: "write", path: target) }
    _ = syscalls.close(place)
    guard syscalls.rename(path, target) == 0 else {
      let error = FileError.current(operation: "rename", path: target)
      _ = unsafe unlink(target)
      throw error
    }
    self.path = nil
  }

  // MARK: What others left behind

  /// Removes temporary files of this target whose process has exited.
  private static func removeAbandoned(target: String, syscalls: Syscalls) {
    for index in 0..<sweptNameCount {
      let path = temporaryName(target, index)
      let descriptor = syscalls.open(path, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0)
      guard descriptor >= 0 else { continue }
      defer { _ = syscalls.close(descriptor) }
      var (opened, named) = (stat(), stat())
      // The lock is kept until the file is removed; otherwise another process could remove a newer file of the same name.
      guard lock(descriptor) == .taken, unsafe fstat(descriptor, &opened) == 0, unsafe lstat(path, &named) == 0,
        opened.st_mode & S_IFMT == S_IFREG, opened.st_dev == named.st_dev, opened.st_ino == named.st_ino
      else { continue }
      _ = unsafe unlink(path)
    }
  }
}

private enum LockOutcome { case taken, heldByAnother, unsupported }

private func lock(_ descriptor: Int32) -> LockOutcome {
  if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return .taken }
  return errno == EWOULDBLOCK ? .heldByAnother : .unsupported
}

/// Errors of file systems that don't support a call or a flag.
private func isUnsupported(_ number: Int32) -> Bool {
  [EINVAL, ENOSYS, ENOTSUP, EOPNOTSUPP, EPERM, EMLINK].contains(number)
}

/// The system takes file names of up to 255 bytes.
private func temporaryName(_ target: String, _ index: Int) -> String {
  let (directory, name) = splitPath(target)
  var shortened = name
  while shortened.utf8.count > 200 { shortened.removeLast() }
  return "\(directory)/.\(shortened).alora-\(index).tmp"
}

private func noNameLeft(_ target: String) -> FileError {
  FileError(
    .system, operation: "create", path: target, detail: "the directory contains too many of its temporary files")
}

/// The path of an open file in /proc.
func descriptorPath(_ descriptor: Int32) -> String { "/proc/self/fd/\(descriptor)" }
