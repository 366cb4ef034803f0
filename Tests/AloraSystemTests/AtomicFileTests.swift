import Foundation
import Testing

@testable import AloraSystem

/// A directory of its own for one test, removed afterwards.
private func withDirectory(_ body: (String) throws -> Void) throws {
  let path = NSTemporaryDirectory() + "alora-\(UUID().uuidString)"
  try FileManager.default.createDirectory(atPath: path, withIntermediateDirectories: true)
  defer { try? FileManager.default.removeItem(atPath: path) }
  try body(path)
}

private func fileCode(_ body: () throws -> Void) -> FileError.Code? {
  do { try body() } catch { return (error as? FileError)?.code }
  return nil
}

private func names(_ directory: String) throws -> [String] { try FileSystem.names(inDirectory: directory) }

@Suite struct AtomicFileTests {
  @Test func aCommittedFileHoldsEverythingInOrder() throws {
    try withDirectory { directory in
      let path = directory + "/out"
      let file = try AtomicFile(path: path, replacesExisting: false)
      var expected: [UInt8] = []
      for size in [0, 1, 70_000, 3, 65_536, 65_537] {
        let chunk = (0..<size).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ size) }
        expected += chunk
        try file.write(chunk.span.bytes)
      }
      #expect(FileSystem.kind(of: path) == nil)
      try file.commit()
      #expect(try names(directory) == ["out"])
      #expect(try MappedFile(path: path).read(0..<expected.count) == expected)
    }
  }

  @Test func anAbandonedFileLeavesNothing() throws {
    try withDirectory { directory in
      do {
        let file = try AtomicFile(path: directory + "/out", replacesExisting: false)
        try file.writeZeros(100_000)
      }
      #expect(try names(directory) == [])
    }
  }

  @Test func aLinkIsFollowedAndStays() throws {
    try withDirectory { directory in
      try FileManager.default.createDirectory(atPath: directory + "/other", withIntermediateDirectories: true)
      let (link, target) = (directory + "/link", directory + "/other/target")
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: "other/target")
      func write() throws {
        let file = try AtomicFile(path: link, replacesExisting: true)
        try file.writeZeros(3)
        try file.commit()
      }
      try AtomicFile(path: target, replacesExisting: false).commit()
      #expect(fileCode { _ = try AtomicFile(path: link, replacesExisting: false) } == .alreadyExists)
      try write()
      #expect(try FileSystem.entryKind(of: link) == .link && MappedFile(path: target).byteCount == 3)
      #expect(try names(directory) == ["link", "other"] && names(directory + "/other") == ["target"])
      try FileManager.default.removeItem(atPath: target)
      try write()
      #expect(try FileSystem.entryKind(of: link) == .regularFile)
    }
  }

  /// As `/dev/stdout` is a link to: replacing it would take it from the whole machine.
  @Test func aLinkToADeviceOrDirectoryIsLeftAlone() throws {
    try withDirectory { directory in
      for target in ["/dev/null", "/"] {
        let link = directory + "/link"
        try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: target)
        #expect(fileCode { _ = try AtomicFile(path: link, replacesExisting: true) } == .notARegularFile)
        #expect(try FileSystem.entryKind(of: link) == .link)
        try FileManager.default.removeItem(atPath: link)
      }
    }
  }

  @Test func anExistingFileStaysUnlessReplacementIsAsked() throws {
    try withDirectory { directory in
      let path = directory + "/out"
      try AtomicFile(path: path, replacesExisting: false).commit()
      #expect(fileCode { _ = try AtomicFile(path: path, replacesExisting: false) } == .alreadyExists)
      let file = try AtomicFile(path: path, replacesExisting: true)
      try file.writeZeros(3)
      try file.commit()
      #expect(try MappedFile(path: path).byteCount == 3)
    }
  }

  @Test func aFileThatAppearsMeanwhileIsNotReplaced() throws {
    try withDirectory { directory in
      let path = directory + "/out"
      let late = try AtomicFile(path: path, replacesExisting: false)
      let first = try AtomicFile(path: path, replacesExisting: false)
      try first.writeZeros(7)
      try first.commit()
      #expect(fileCode { try late.commit() } == .alreadyExists)
      #expect(try names(directory) == ["out"])
      #expect(try MappedFile(path: path).byteCount == 7)
    }
  }

  @Test(arguments: Fault.allCases, [true, false]) func faultsLeaveTheOldFile(_ fault: Fault, isNamed: Bool) throws {
    try withDirectory { directory in
      let path = directory + "/out"
      try AtomicFile(path: path, replacesExisting: false).commit()
      let syscalls = fault.injected(into: isNamed ? .withoutNamelessFiles : .live)
      let code = fileCode {
        let file = try AtomicFile(path: path, replacesExisting: true, syscalls: syscalls)
        try file.writeZeros(1 << 17)
        try file.commit()
      }
      // A file with a name from the beginning needs no link.
      #expect(code == (isNamed && fault == .linkDescriptor ? nil : fault == .noBytes ? .system : .noSpace))
      #expect(try names(directory) == ["out"])
      #expect(try MappedFile(path: path).byteCount == (code == nil ? 1 << 17 : 0))
    }
  }

  enum Fault: CaseIterable {
    case open, write, noBytes, sync, linkDescriptor, rename

    func injected(into live: Syscalls) -> Syscalls {
      var syscalls = live
      let fail: @Sendable () -> Int32 = {
        errno = ENOSPC
        return -1
      }
      switch self {
      case .open: syscalls.open = { _, _, _ in fail() }
      case .write: syscalls.write = { _, _ in Int(fail()) }
      case .noBytes: syscalls.write = { _, _ in 0 }
      case .sync: syscalls.sync = { _ in fail() }
      case .linkDescriptor: syscalls.linkDescriptor = { _, _ in fail() }
      case .rename: syscalls.rename = { _, _ in fail() }
      }
      return syscalls
    }
  }

  /// The ways of a file system without `O_TMPFILE`, and then without one call after the other.
  @Test(arguments: 0..<4) func whatAFileSystemLacksIsDoneOtherwise(_ missing: Int) throws {
    try withDirectory { directory in
      var syscalls = missing > 0 ? Syscalls.withoutNamelessFiles : .live
      let refuse: @Sendable (String, String) -> Int32 = { _, _ in
        errno = EINVAL
        return -1
      }
      if missing > 1 { syscalls.renameNew = refuse }
      if missing > 2 { syscalls.link = refuse }
      let path = directory + "/out"
      let late = try AtomicFile(path: path, replacesExisting: false, syscalls: syscalls)
      let first = try AtomicFile(path: path, replacesExisting: false, syscalls: syscalls)
      try first.writeZeros(7)
      try first.commit()
      #expect(fileCode { try late.commit() } == .alreadyExists)
      let third = try AtomicFile(path: path, replacesExisting: true, syscalls: syscalls)
      try third.writeZeros(9)
      try third.commit()
      #expect(try MappedFile(path: path).byteCount == 9)
      #expect(try names(directory).filter { $0.hasPrefix(".") }.count == (missing > 0 ? 1 : 0))
      withExtendedLifetime(late) {}
    }
  }

  /// The old way fell back to a rename that replaces whenever a link failed, for whatever reason.
  @Test(arguments: [EACCES, EIO, ENOSPC]) func aFailureToPlaceTheFileNeverReplaces(_ number: Int32) throws {
    try withDirectory { directory in
      let path = directory + "/out"
      var syscalls = Syscalls.withoutNamelessFiles
      syscalls.renameNew = { _, _ in
        errno = number
        return -1
      }
      let file = try AtomicFile(path: path, replacesExisting: false, syscalls: syscalls)
      let other = try AtomicFile(path: path, replacesExisting: false)
      try other.writeZeros(5)
      try other.commit()
      #expect(fileCode { try file.commit() } != nil)
      #expect(try MappedFile(path: path).byteCount == 5)
    }
  }

  @Test func whatADeadRunLeftIsRemovedAndWhatALivingOneWritesIsNot() throws {
    try withDirectory { directory in
      let path = directory + "/out"
      let living = try AtomicFile(path: path, replacesExisting: true, syscalls: .withoutNamelessFiles)
      try living.writeZeros(100_000)
      for index in 1...5 {
        try Data([1]).write(to: URL(filePath: directory + "/.out.alora-\(index).tmp"))
      }
      let others = ["/.out.alora-x.tmp", "/.out.alora.tmp", "/.other.alora-1.tmp"]
      for name in others { try Data([1]).write(to: URL(filePath: directory + name)) }
      let second = try AtomicFile(path: path, replacesExisting: true)
      try second.writeZeros(1)
      try second.commit()
      try living.commit()
      #expect(try MappedFile(path: path).byteCount == 100_000)
      #expect(Set(try names(directory)) == Set(others.map { String($0.dropFirst()) } + ["out"]))
    }
  }

  @Test(arguments: ["é", "語", "😀", "a"]) func theLongestNamesCanBeWritten(_ letter: String) throws {
    try withDirectory { directory in
      let name = String(repeating: letter, count: 255 / letter.utf8.count)
      for syscalls in [Syscalls.live, .withoutNamelessFiles] {
        let file = try AtomicFile(path: directory + "/" + name, replacesExisting: true, syscalls: syscalls)
        try file.writeZeros(3)
        try file.commit()
      }
      #expect(try names(directory) == [name])
    }
  }

  @Test func aPathWithoutANameIsRefused() throws {
    try withDirectory { directory in
      for path in [directory + "/", directory, ""] {
        #expect(fileCode { _ = try AtomicFile(path: path, replacesExisting: true) } == .notARegularFile)
      }
    }
  }

  @Test func shortWritesAreContinued() throws {
    try withDirectory { directory in
      var syscalls = Syscalls.live
      let write = syscalls.write
      syscalls.write = { write($0, $1.extracting(first: min(1000, $1.byteCount))) }
      let path = directory + "/out"
      let file = try AtomicFile(path: path, replacesExisting: false, syscalls: syscalls)
      let bytes = (0..<100_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
      try file.write(bytes.span.bytes)
      try file.commit()
      #expect(try MappedFile(path: path).read(0..<100_000) == bytes)
    }
  }
}

extension Syscalls {
  /// As on a file system that has no files without a name.
  fileprivate static var withoutNamelessFiles: Syscalls {
    var syscalls = Syscalls.live
    let open = syscalls.open
    syscalls.open = { path, flags, mode in
      guard FileSystem.kind(of: path) == .directory, flags & O_WRONLY != 0 else { return open(path, flags, mode) }
      errno = EOPNOTSUPP
      return -1
    }
    return syscalls
  }
}
