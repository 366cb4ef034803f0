import AloraTestSupport
import Foundation
import Testing

/// Where the command's words go.
@Suite struct StandardStreamTests {
  /// As where the other end, or a program that the stream is shared with, has set O_NONBLOCK.
  @Test func aFullStreamThatDoesNotBlockIsWaitedFor() throws {
    var ends: [Int32] = [0, 0]
    let made = pipe(&ends)
    try #require(made == 0)
    defer { for end in ends { close(end) } }
    for end in ends {
      _ = fcntl(end, F_SETFD, FD_CLOEXEC)
      _ = fcntl(end, F_SETFL, O_NONBLOCK)
    }
    let filling = [UInt8](repeating: 0x2E, count: 4096)
    var filledCount = 0
    while true {
      let count = write(ends[1], filling, filling.count)
      guard count > 0 else { break }
      filledCount += count
    }
    var received: [UInt8] = []
    func receive() {
      var buffer = [UInt8](repeating: 0, count: 1 << 16)
      while true {
        let count = read(ends[0], &buffer, buffer.count)
        guard count > 0 else { break }
        received += buffer[..<count]
      }
    }
    let process = try ChildProcess(aloraPath, ["--help"], standardOutput: ends[1])
    // Enough for it to find no room; where it is slower, this tests less.
    Thread.sleep(forTimeInterval: 0.3)
    receive()
    let result = try process.end()
    receive()
    #expect(result.exitedNormally && result.status == 0 && result.errors.isEmpty, "\(result.errors)")
    let said = String(decoding: received.dropFirst(filledCount), as: UTF8.self)
    #expect(try said == runAlora(["--help"]).output)
  }
}
