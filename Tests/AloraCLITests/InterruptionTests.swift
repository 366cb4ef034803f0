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
      var begin = Date()
      #expect(try runAlora(arguments).status == 0)
      var duration = Date().timeIntervalSince(begin)
      let complete = try contents()
      let old = files.map { "old \($0)" }
      var (said, finished) = (0, 0)
      func interrupt(after moment: Double) throws {
        for (name, text) in zip(files, old) { try writeFile(Array(text.utf8), to: "\(directory)/\(name)") }
        begin = Date()
        let end = try runAlora(arguments, interruption: (signal, moment))
        let elapsed = Date().timeIntervalSince(begin)
        for (text, both) in zip(try contents(), zip(old, complete)) { #expect(text == both.0 || text == both.1) }
        #expect(try FileManager.default.contentsOfDirectory(atPath: directory).sorted() == files.sorted())
        if end.exitedNormally {
          finished += 1
          duration = min(duration, elapsed)
          #expect(end.status == 0 && end.errors.isEmpty)
        } else {
          duration = max(duration, moment)
          // Before its first instructions there is nobody to say it.
          #expect(end.status == signal && ["", Self.line].contains(end.errors))
          said += end.errors.isEmpty ? 0 : 1
        }
      }
      // Most moments are in the computation; the last ones, one after the other, in the writing. How long a run takes changes
      // with what else the machine does, so each run tells it anew.
      let moments = (0..<10).map { Double($0) / 10 } + (0..<10).map { 0.9 + Double($0) / 40 }
      for moment in moments { try interrupt(after: duration * moment) }
      // Whatever it was doing, one run must be stopped in its course, and one must come to its end before.
      for divisor in 2..<50 where said == 0 { try interrupt(after: duration / Double(divisor)) }
      for factor in 1..<10 where finished == 0 { try interrupt(after: duration * Double(1 << factor)) }
      #expect(said > 0 && finished > 0)
    }
  }

  private static let line = "alora: interrupted; files are as they were before, or complete\n"
}
