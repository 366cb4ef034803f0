import AloraJSON
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
    // Long enough to fill the pipe. On a slower machine, the test is only weaker.
    Thread.sleep(forTimeInterval: 0.3)
    receive()
    let result = try process.end()
    receive()
    #expect(result.exitedNormally && result.status == 0 && result.errors.isEmpty, "\(result.errors)")
    let said = String(decoding: received.dropFirst(filledCount), as: UTF8.self)
    #expect(try said == runAlora(["--help"]).output)
  }

  /// Names that a CI system would take for commands, in an error, in a table whose lines they begin, and in JSON.
  @Test func namesAreNoCommandsOfAWorkflow() throws {
    try withTemporaryDirectory { directory in
      let (anywhere, atStart) = ("##[stop-commands]x", "::stop-commands::x")
      var builder = AdapterBuilder()
      builder.tensors.append(AdapterBuilder.Tensor(anywhere, [1], [1]))
      try builder.write(to: directory + "/adapter")
      builder.tensors += [atStart, "  \(atStart)"].map { AdapterBuilder.Tensor($0, [1], [1]) }
      let file = directory + "/x.safetensors"
      try writeFile(builder.safetensors(), to: file)
      let refused = [
        "convert", directory + "/adapter", "--base", try testData("conversion/bases/llama"), "--outfile",
        directory + "/x.gguf",
      ]
      func run(_ arguments: [String], _ name: String? = "GITHUB_ACTIONS") throws -> (status: Int32, text: String) {
        let result = try runAlora(arguments, environment: name.map { [$0: "true"] } ?? [:])
        return (result.status, result.output + result.errors)
      }
      for name in ["GITHUB_ACTIONS", "TF_BUILD"] {
        for (arguments, status) in [
          (refused, 3), (["inspect", file, "--tensors"], 0), (["inspect", file, "--tensors", "--json"], 0),
          (["inspect", "\(anywhere)\n\(atStart)"], 4), (["\(anywhere)\n\(atStart)"], 2),
        ] as [([String], Int32)] {
          let found = try run(arguments, name)
          #expect(found.status == status, "\(found.text)")
          let lines = found.text.split(whereSeparator: \.isNewline).map { $0.drop(while: \.isWhitespace) }
          #expect(!found.text.contains("##") && !lines.contains { $0.hasPrefix("::") }, "\(found.text)")
          #expect(found.text.contains("#\\u0023[stop-commands]x"), "\(found.text)")
        }
      }
      // JSON says the same; elsewhere, names are as they are.
      let json = ["inspect", file, "--tensors", "--json"]
      let (inWorkflow, elsewhere) = (try run(json).text, try run(json, nil).text)
      #expect(inWorkflow != elsewhere)
      #expect(try parseJSON(inWorkflow).serialized == parseJSON(elsewhere).serialized)
      #expect(try run(["inspect", file, "--tensors"], nil).text.contains("\n\(atStart)"))
    }
  }

  /// Our own annotations stay commands.
  @Test func annotationsAreCommands() throws {
    let result = try runAlora(
      [
        "verify", "--model", testData("inference/llama/base"), "--adapter", testData("inference/llama/adapter"),
        "--golden", testData("inference/llama/golden.npz"), "--tolerance", "1e-12", "--report", "github",
      ], environment: ["GITHUB_ACTIONS": "true", "GITHUB_STEP_SUMMARY": ""])
    #expect(result.status == 1 && result.output.hasPrefix("::error title=alora verify%3A "), "\(result.errors)")
  }
}
