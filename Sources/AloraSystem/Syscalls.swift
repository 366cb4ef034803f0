internal import CLinux

/// The system calls that can fail half-way, in one replaceable place, so that a full disk or a short write is a test.
///
/// Each returns what the C function returns; a negative result leaves the reason in `errno`.
package struct Syscalls: Sendable {
  package var open: @Sendable (_ path: String, _ flags: Int32, _ mode: mode_t) -> Int32
  package var write: @Sendable (_ descriptor: Int32, _ bytes: RawSpan) -> Int
  package var read: @Sendable (_ descriptor: Int32, _ bytes: inout MutableRawSpan, _ offset: Int) -> Int
  package var sync: @Sendable (_ descriptor: Int32) -> Int32
  package var rename: @Sendable (_ from: String, _ to: String) -> Int32
  /// Like rename, but fails with `EEXIST` if the new path exists.
  package var renameNew: @Sendable (_ from: String, _ to: String) -> Int32
  package var link: @Sendable (_ from: String, _ to: String) -> Int32
  /// Gives an unnamed open file a name; fails with `EEXIST` like link.
  package var linkDescriptor: @Sendable (_ descriptor: Int32, _ to: String) -> Int32
  package var close: @Sendable (_ descriptor: Int32) -> Int32

  package static let live = Syscalls(
    open: { systemOpen($0, $1, $2) },
    write: { systemWrite($0, $1) },
    read: { systemRead($0, &$1, $2) },
    sync: { systemSync($0) },
    rename: { systemRename($0, $1) },
    renameNew: { systemRenameNew($0, $1) },
    link: { systemLink($0, $1) },
    linkDescriptor: { systemLinkDescriptor($0, $1) },
    close: { systemClose($0) })
}

// The closures above would otherwise find their own labels before the C functions of the same names.
// Safe: strings are NUL-terminated for the call, and each span bounds what the system may touch.
private func systemOpen(_ path: String, _ flags: Int32, _ mode: mode_t) -> Int32 { unsafe open(path, flags, mode) }
private func systemWrite(_ descriptor: Int32, _ bytes: RawSpan) -> Int {
  unsafe bytes.withUnsafeBytes { unsafe write(descriptor, $0.baseAddress, $0.count) }
}
private func systemRead(_ descriptor: Int32, _ bytes: inout MutableRawSpan, _ offset: Int) -> Int {
  unsafe bytes.withUnsafeMutableBytes { unsafe pread(descriptor, $0.baseAddress, $0.count, off_t(offset)) }
}
private func systemSync(_ descriptor: Int32) -> Int32 { fsync(descriptor) }
private func systemRename(_ from: String, _ to: String) -> Int32 { unsafe rename(from, to) }
private func systemRenameNew(_ from: String, _ to: String) -> Int32 {
  #if os(Linux)
    unsafe alora_rename_new(from, to)
  #else
    unsafe renamex_np(from, to, UInt32(RENAME_EXCL))
  #endif
}
private func systemLink(_ from: String, _ to: String) -> Int32 { unsafe link(from, to) }
private func systemLinkDescriptor(_ descriptor: Int32, _ to: String) -> Int32 {
  unsafe linkat(AT_FDCWD, descriptorPath(descriptor), AT_FDCWD, to, AT_SYMLINK_FOLLOW)
}
private func systemClose(_ descriptor: Int32) -> Int32 { close(descriptor) }

extension FileError {
  /// The error that `errno` contains after `path` could not be opened. A dangling link is reported as such.
  package static func opening(_ path: String) -> FileError {
    let error = FileError.current(operation: "open", path: path)
    guard error.code == .notFound, let target = FileSystem.linkTarget(of: path) else { return error }
    return FileError(
      .notFound, operation: "open", path: path, detail: "it is a link to \(target), which does not exist")
  }

  /// The error that `errno` holds now.
  package static func current(operation: String, path: String) -> FileError {
    let number = errno
    let code: Code =
      switch number {
      case ENOENT, ENOTDIR: .notFound
      case EACCES, EPERM, EROFS: .permissionDenied
      case EISDIR: .notARegularFile
      case EEXIST: .alreadyExists
      case ENOSPC, EDQUOT, EFBIG: .noSpace
      default: .system
      }
    let detail = unsafe strerror(number).map { unsafe String(cString: $0) } ?? "error \(number)"
    return FileError(code, operation: operation, path: path, detail: detail.prefix(1).lowercased() + detail.dropFirst())
  }
}
