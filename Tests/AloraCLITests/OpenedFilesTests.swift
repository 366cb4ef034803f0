import AloraTestSupport
import Foundation
import Testing

private let tracer = ["/usr/bin/strace", "/bin/strace"].first {
  FileManager.default.isExecutableFile(atPath: $0)
}

/// Whether a process can be traced here: containers may forbid it.
private func canTrace() -> Bool {
  guard let tracer else { return false }
  return (try? ChildProcess(tracer, ["-o", "/dev/null", "/bin/true"]).end().status) == 0
}

/// What a command opens. Only conversion reads an adapter's model card.
@Suite(.enabled(if: canTrace())) struct OpenedFilesTests {
  private func opened(_ arguments: [String], in directory: String) throws -> String {
    let trace = directory + "/trace"
    let result = try ChildProcess(
      try #require(tracer), ["-f", "-e", "trace=%file", "-o", trace, aloraPath] + arguments
    ).end()
    #expect(result.status == 0, "\(result.errors)")
    return String(decoding: try readFile(trace), as: UTF8.self)
  }

  @Test func onlyConversionReadsTheModelCard() throws {
    try withTemporaryDirectory { directory in
      let (base, adapter) = (try testData("inference/llama/base"), directory + "/adapter")
      try FileManager.default.copyItem(atPath: testData("inference/llama/adapter"), toPath: adapter)
      try writeFile(Array("---\nlicense: mit\n---\n".utf8), to: adapter + "/README.md")
      let (given, output) = (["--model", base, "--adapter", adapter], directory + "/out.npz")
      for arguments in [
        ["logits", "--tokens", "1,7,9,7,2", "--output", output] + given, ["verify"] + given, ["tokens", adapter],
        ["inspect", adapter],
      ] {
        let files = try opened(arguments, in: directory)
        #expect(files.contains("adapter_config.json") && !files.contains("README.md"), "\(arguments)")
      }
      let files = try opened(["convert", adapter, "--base", base, "--dry-run"], in: directory)
      #expect(files.contains("README.md"))
    }
  }
}
