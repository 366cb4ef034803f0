import AloraSystem
import Foundation
import Testing

@Suite struct LineReaderTests {
  /// Gives the lines of `text`, written to a pipe, up to the first error.
  private func lines(_ text: [UInt8], limit: Int = 100) throws -> ([String], FileError?) {
    let pipe = Pipe()
    try pipe.fileHandleForWriting.write(contentsOf: Data(text))
    try pipe.fileHandleForWriting.close()
    var reader = LineReader(
      descriptor: pipe.fileHandleForReading.fileDescriptor, name: "the pipe", byteLimit: limit)
    var found: [String] = []
    do throws(FileError) {
      while let line = try reader.next() { found.append(String(decoding: line, as: UTF8.self)) }
    } catch { return (found, error) }
    return (found, nil)
  }

  @Test func linesComeWithoutTheirEnds() throws {
    #expect(try lines(Array("a\n\nbc\n".utf8)).0 == ["a", "", "bc"])
    #expect(try lines(Array("a\nlast".utf8)).0 == ["a", "last"])
    #expect(try lines([]).0 == [])
    #expect(try lines([0x0A]).0 == [""])
    #expect(try lines([0xFF, 0, 0x0A]).0 == ["\u{FFFD}\0"])
  }

  @Test func aLineWithoutEndIsRefusedAndNotKept() throws {
    let (found, error) = try lines(Array("a\n".utf8) + [UInt8](repeating: 0, count: 5000))
    #expect(found == ["a"])
    #expect(error?.code == .tooLong && error?.path == "the pipe")
    #expect(error?.category == .refusedInput)
  }

  @Test func aStreamThatCannotBeReadThrows() throws {
    let directory = open("/", O_RDONLY)
    defer { close(directory) }
    var reader = LineReader(descriptor: directory, name: "standard input", byteLimit: 10)
    #expect(throws: FileError.self) { _ = try reader.next() }
  }
}
