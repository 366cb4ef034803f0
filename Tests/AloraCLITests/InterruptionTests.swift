import AloraTestSupport
import Foundation
import Testing

/// What is left of a command that someone stops.
@Suite struct InterruptionTests {
  /// At moments from the first instruction to after the end: reports are the old ones or new ones, whole.
  @Test(arguments: [SIGINT, SIGTERM]) func reportsAreOldOrComplete(_ signal: Int32) throws {
    try withTemporaryDirectory { directory in
      let files = ["json", "junit", "html", "github"]
      var arguments = [
        "verify", "--model", try testData("inference/llama/base"), "--adapter", try testData("inference/llama/adapter"),
        "--golden", try testData("inference/llama/golden.npz"),
      ]
      for name in files { arguments += ["--report", "\(name)=\(directory)/\(name)"] }
      func contents() throws -> [String] {
        try files.map { String(decoding: try readFile("\(directory)/\($0)"), as: UTF8.self) }
      }
      let begin = Date()
      #expect(try runAlora(arguments).status == 0)
      let (complete, duration) = (try contents(), Date().timeIntervalSince(begin))
      let old = files.map { "old \($0)" }
      var (said, finished) = (0, 0)
      // Most moments are in the computation; the last ones, one after the other, in the writing.
      let moments = (0..<10).map { Double($0) / 10 } + (0..<10).map { 0.9 + Double($0) / 40 } + [2]
      for moment in moments {
        for (name, text) in zip(files, old) { try writeFile(Array(text.utf8), to: "\(directory)/\(name)") }
        let result = try runAlora(arguments, interruption: (signal, duration * moment))
        for (text, both) in zip(try contents(), zip(old, complete)) { #expect(text == both.0 || text == both.1) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory).sorted() == files.sorted())
        if result.exitedNormally {
          finished += 1
          #expect(result.status == 0 && result.errors.isEmpty)
        } else {
          // Before its first instructions there is nobody to say it.
          #expect(result.status == signal && ["", Self.line].contains(result.errors))
          said += result.errors.isEmpty ? 0 : 1
        }
      }
      #expect(said > 0 && finished > 0)
    }
  }

  private static let line = "alora: interrupted; files are as they were before, or complete\n"
}
