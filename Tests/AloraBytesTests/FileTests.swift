import Foundation
import Testing

@testable import AloraBytes

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
      #expect(try names(directory).count == 1)
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

  @Test(arguments: 0..<4) func faultsLeaveTheOldFile(_ step: Int) throws {
    try withDirectory { directory in
      let path = directory + "/out"
      try AtomicFile(path: path, replacesExisting: false).commit()
      var syscalls = Syscalls.live
      let fail: @Sendable () -> Int32 = {
        errno = ENOSPC
        return -1
      }
      switch step {
      case 0: syscalls.write = { _, _ in Int(fail()) }
      case 1: syscalls.sync = { _ in fail() }
      case 2: syscalls.rename = { _, _ in fail() }
      default: syscalls.open = { _, _, _ in fail() }
      }
      #expect(
        fileCode {
          let file = try AtomicFile(path: path, replacesExisting: true, syscalls: syscalls)
          try file.writeZeros(1 << 17)
          try file.commit()
        } == .noSpace)
      #expect(try names(directory) == ["out"])
      #expect(try MappedFile(path: path).byteCount == 0)
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

@Suite struct MappedFileTests {
  @Test func whatIsNoFileIsToldApart() throws {
    try withDirectory { directory in
      #expect(fileCode { _ = try MappedFile(path: directory) } == .notARegularFile)
      #expect(fileCode { _ = try MappedFile(path: directory + "/none") } == .notFound)
      #expect(fileCode { _ = try MappedFile(path: "/dev/null") } == .notARegularFile)
    }
  }

  @Test func aFileCutShortUnderTheReaderThrows() throws {
    try withDirectory { directory in
      let path = directory + "/f"
      #expect(FileManager.default.createFile(atPath: path, contents: Data(repeating: 1, count: 10_000)))
      let file = try MappedFile(path: path)
      #expect(truncate(path, 100) == 0)
      #expect(fileCode { _ = try file.read(0..<10_000) } == .changed)
      #expect(try file.read(0..<100).count == 100)
    }
  }
}
