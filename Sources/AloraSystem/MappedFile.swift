/// A regular file, open for reading and mapped into memory.
///
/// Nothing is read until a page is touched. The mapping ends with the last reference. It is private and read-only;
/// a file that another process cuts short under it raises SIGBUS on access, so code that must survive that reads
/// with ``read(at:into:)`` instead.
@safe public final class MappedFile: Sendable {
  public let path: String
  public let byteCount: Int
  private let descriptor: Int32
  private let syscalls: Syscalls
  // Safe to share: written once in init, read-only memory, unmapped in deinit when nobody can hold it any more.
  private nonisolated(unsafe) let base: UnsafeRawPointer?

  /// - Throws: `notFound`, `permissionDenied`, `notARegularFile`, `system`.
  public convenience init(path: String) throws(FileError) {
    try self.init(path: path, syscalls: .live)
  }

  package init(path: String, syscalls: Syscalls) throws(FileError) {
    // Non-blocking, so that a pipe is detected and refused instead of waited for.
    let descriptor = syscalls.open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK, 0)
    guard descriptor >= 0 else { throw .opening(path) }
    var status = stat()
    guard unsafe fstat(descriptor, &status) == 0 else {
      let error = FileError.current(operation: "open", path: path)
      _ = syscalls.close(descriptor)
      throw error
    }
    guard status.st_mode & S_IFMT == S_IFREG else {
      _ = syscalls.close(descriptor)
      let kind = status.st_mode & S_IFMT == S_IFDIR ? "it is a directory" : "it is not a regular file"
      throw FileError(.notARegularFile, operation: "open", path: path, detail: kind)
    }
    var base: UnsafeRawPointer?
    if status.st_size > 0 {
      let address = unsafe mmap(nil, Int(status.st_size), PROT_READ, MAP_PRIVATE, descriptor, 0)
      guard unsafe address != MAP_FAILED else {
        let error = FileError.current(operation: "map", path: path)
        _ = syscalls.close(descriptor)
        throw error
      }
      unsafe base = UnsafeRawPointer(address)
    }
    self.path = path
    self.byteCount = Int(status.st_size)
    self.descriptor = descriptor
    self.syscalls = syscalls
    unsafe self.base = base
  }

  deinit {
    if let base = unsafe base { _ = unsafe munmap(UnsafeMutableRawPointer(mutating: base), byteCount) }
    _ = syscalls.close(descriptor)
  }

  /// Calls `body` with the whole file.
  public func withBytes<Result: ~Copyable, Failure: Error>(
    _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    // The span cannot outlive the call, and `self` keeps the mapping alive during it.
    try unsafe body(UnsafeRawBufferPointer(start: base, count: byteCount).bytes)
  }

  /// Calls `body` with the bytes of `range`, which must lie within the file: a caller's duty.
  public func withBytes<Result: ~Copyable, Failure: Error>(
    in range: Range<Int>, _ body: (RawSpan) throws(Failure) -> Result
  ) throws(Failure) -> Result {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "range outside the file")
    return try withBytes { (bytes) throws(Failure) in try body(bytes.extracting(range)) }
  }

  /// Reads exactly `buffer.byteCount` bytes from `offset` without touching the mapping.
  ///
  /// - Throws: `changed` if the file ends earlier than it did when it was opened; `system`.
  public func read(at offset: Int, into buffer: inout MutableRawSpan) throws(FileError) {
    var done = 0
    let count = buffer.byteCount
    while done < count {
      var rest = buffer._mutatingExtracting(droppingFirst: done)
      let got = syscalls.read(descriptor, &rest, offset + done)
      if got < 0 {
        if errno == EINTR { continue }
        throw .current(operation: "read", path: path)
      }
      guard got > 0 else {
        throw FileError(.changed, operation: "read", path: path, detail: "the file became shorter while it was read")
      }
      done += got
    }
  }

  /// Whether two files have the same bytes.
  ///
  /// - Throws: as ``init(path:)`` and ``read(_:)``.
  package static func haveEqualBytes(_ path: String, _ other: String) throws(FileError) -> Bool {
    let (first, second) = (try MappedFile(path: path), try MappedFile(path: other))
    guard first.byteCount == second.byteCount else { return false }
    for start in stride(from: 0, to: first.byteCount, by: 1 << 20) {
      let range = start..<min(start + (1 << 20), first.byteCount)
      guard try first.read(range) == second.read(range) else { return false }
    }
    return true
  }

  /// The bytes of `range`, read without touching the mapping.
  ///
  /// - Throws: as ``read(at:into:)``. `range` must lie within the file: a caller's duty, which bounds the allocation.
  public func read(_ range: Range<Int>) throws(FileError) -> [UInt8] {
    var bytes: [UInt8] = []
    try read(range, into: &bytes)
    return bytes
  }

  /// Replaces the elements of `bytes` by the bytes of `range`, in the array's memory if there is enough of it.
  ///
  /// - Throws: as ``read(_:)``; then the array is empty.
  package func read(_ range: Range<Int>, into bytes: inout [UInt8]) throws(FileError) {
    precondition(range.lowerBound >= 0 && range.upperBound <= byteCount, "range outside the file")
    bytes.removeAll(keepingCapacity: true)
    // Safe: a read fills the whole buffer, or throws; then no byte of it counts as one of the array's.
    try bytes.append(addingCapacity: range.count) { (output) throws(FileError) in
      try unsafe output.withUnsafeMutableBufferPointer { (buffer, count) throws(FileError) in
        var span = unsafe UnsafeMutableRawBufferPointer(rebasing: UnsafeMutableRawBufferPointer(buffer)[..<range.count])
          .mutableBytes
        try read(at: range.lowerBound, into: &span)
        count = range.count
      }
    }
  }

  /// True if both are the same file, even under different names.
  public func isSameFile(asPath other: String) -> Bool {
    var (mine, theirs) = (stat(), stat())
    guard unsafe fstat(descriptor, &mine) == 0, unsafe stat(other, &theirs) == 0 else { return false }
    return mine.st_dev == theirs.st_dev && mine.st_ino == theirs.st_ino
  }
}
