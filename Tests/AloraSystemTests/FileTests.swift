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

  @Test func oneFileHasSeveralNames() throws {
    try withDirectory { directory in
      let (path, other) = (directory + "/f", directory + "/g")
      for name in [path, other] { #expect(FileManager.default.createFile(atPath: name, contents: Data([1]))) }
      try FileManager.default.createSymbolicLink(atPath: directory + "/l", withDestinationPath: "f")
      #expect(link(path, directory + "/h") == 0)
      for name in ["/f", "/l", "/h", "/./f"] { #expect(FileSystem.isSameFile(path, directory + name)) }
      #expect(!FileSystem.isSameFile(path, other) && !FileSystem.isSameFile(path, directory + "/none"))
      #expect(!FileSystem.isSameFile(directory + "/none", directory + "/none"))
    }
  }
}
