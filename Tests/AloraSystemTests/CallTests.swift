import Foundation
import Testing

@testable import AloraSystem

/// What a command reads from its call and its surroundings.
@Suite struct CallTests {
  private func withDirectory(_ body: (String) throws -> Void) throws {
    let directory = NSTemporaryDirectory() + "alora-\(UUID().uuidString)"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try body(directory)
  }

  @Test func aPathHasTheNameBeforeIt() throws {
    let all = NamedPath.all(["a", "one=b", "c=d=e", "=f"])
    #expect(all.map(\.name) == ["adapter", "one", "c", ""] && all.map(\.path) == ["a", "b", "d=e", "f"])
    #expect(NamedPath.all(["x", "y", "z"]).map(\.name) == ["adapter", "adapter2", "adapter3"])
    try withDirectory { directory in
      // What exists is a path, whatever its name.
      let odd = directory + "/a=b"
      try FileManager.default.createDirectory(atPath: odd, withIntermediateDirectories: true)
      #expect(NamedPath.all([odd]) == [NamedPath(name: "adapter", path: odd)])
    }
  }

  @Test func anOutputReplacesNoInputAndNoOtherOutput() throws {
    try withDirectory { directory in
      let (file, link) = (directory + "/file", directory + "/link")
      try Data().write(to: URL(fileURLWithPath: file))
      try FileManager.default.createSymbolicLink(atPath: link, withDestinationPath: file)
      #expect(OutputPaths.firstOverwriting([directory + "/x", directory + "/y"], inputs: [file]) == nil)
      #expect(OutputPaths.firstOverwriting([directory + "/x", link], inputs: [file]) == link)
      #expect(OutputPaths.firstOverwriting([directory + "/x", directory + "/./x"], inputs: []) == directory + "/./x")
      try OutputPaths.checkWritable([directory + "/new"])
      #expect(!FileManager.default.fileExists(atPath: directory + "/new"))
      #expect(throws: FileError.self) { try OutputPaths.checkWritable([directory + "/missing/new"]) }
    }
  }

  @Test func aVariableShowsThatACISystemRunsThis() {
    func variable(_ values: [String: String]) -> String? { ContinuousIntegration.variable { values[$0] } }
    #expect(variable([:]) == nil && variable(["CI": "false", "BUILD_NUMBER": "0", "TF_BUILD": ""]) == nil)
    #expect(variable(["CI": "true"]) == "CI" && variable(["CI": "False", "TF_BUILD": "True"]) == "TF_BUILD")
  }

  @Test func aStreamWithoutAReaderFails() throws {
    signal(SIGPIPE, SIG_IGN)
    var ends: [Int32] = [0, 0]
    #expect(pipe(&ends) == 0)
    let stream = StandardStream(descriptor: ends[1])
    #expect(!stream.isTerminal && !stream.hasColor)
    try stream.write("é")
    var bytes: [UInt8] = [0, 0, 0]
    #expect(read(ends[0], &bytes, 3) == 2 && bytes.prefix(2) == [0xC3, 0xA9])
    close(ends[0])
    let gone = #expect(throws: StandardStream.Failure.self) { try stream.write("x") }
    #expect(gone?.isReaderGone == true)
    close(ends[1])
    let closed = #expect(throws: StandardStream.Failure.self) { try stream.write("x") }
    #expect(closed?.number == EBADF && closed?.isReaderGone == false)
  }

  @Test func controlCharactersOfTextInLinesAreEscaped() {
    #expect("a\u{1B}[1m\tb\nc\r".escapingControlCharactersInLines() == "a\\u{1b}[1m\tb\nc\\u{d}")
  }
}
