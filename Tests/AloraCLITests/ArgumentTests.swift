import AloraTestSupport
import Foundation
import Testing

/// What the command does if the system hides its arguments.
@Suite struct ArgumentTests {
  /// A shell in its own mount namespace with an empty /proc.
  private static func withoutProc(_ arguments: [String]) throws -> CommandResult {
    try ChildProcess(
      "/usr/bin/unshare", ["-rm", "/bin/sh", "-c", #"mount -t tmpfs none /proc && exec "$0" "$@""#] + arguments
    ).end()
  }

  /// Needs Linux and the right to make user namespaces, which a container may not give.
  private static let canHideProc: Bool = {
    guard FileManager.default.isExecutableFile(atPath: "/usr/bin/unshare"),
      let result = try? withoutProc(["/bin/ls", "/proc"])
    else { return false }
    return result.status == 0 && result.output.isEmpty
  }()

  /// Swift reads a process's arguments from /proc, and has none where it is missing.
  @Test(.enabled(if: canHideProc, "this system doesn't let a test hide /proc"))
  func withoutProcTheArgumentsAreTheSame() throws {
    let adapter = try testData("inference/llama/adapter")
    for arguments in [["--version"], ["inspect", adapter, "--json"], ["inspect", adapter + "/nothing"], ["nonsense"]] {
      let (usual, hidden) = (try runAlora(arguments), try Self.withoutProc([aloraPath] + arguments))
      #expect(hidden.status == usual.status && hidden.output == usual.output, "\(arguments): \(hidden.output)")
      #expect(hidden.errors == usual.errors)
    }
    try withTemporaryDirectory { directory in
      let base = try testData("inference/llama/base")
      let output = directory + "/a.gguf"
      let result = try Self.withoutProc([aloraPath, "convert", adapter, "--base", base, "--outfile", output])
      #expect(result.status == 0, "\(result.errors)")
      #expect(try runAlora(["convert", adapter, "--base", base, "--outfile", directory + "/b.gguf"]).status == 0)
      #expect(try readFile(output) == readFile(directory + "/b.gguf"))
    }
  }
}
