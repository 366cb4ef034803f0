import Foundation

/// The end of a run of the built command.
package struct CommandResult {
  package let status: Int32
  package let output: String
  package let errors: String
  /// False if a signal (a crash, a trap) ended it; `status` is the signal's number then.
  package let exitedNormally: Bool
}

/// The `alora` that was built with the tests.
package var aloraPath: String {
  let tests = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
  var folder = tests.deletingLastPathComponent()
  while !FileManager.default.isExecutableFile(atPath: folder.appendingPathComponent("alora").path), folder.path != "/" {
    folder = folder.deletingLastPathComponent()
  }
  return folder.appendingPathComponent("alora").path
}

/// Runs the `alora` that was built with the tests.
///
/// - Parameter interruption: a signal, and after how many seconds it is sent where the command still runs.
package func runAlora(
  _ arguments: [String], directory: String? = nil, environment: [String: String] = [:], input: String? = nil,
  interruption: (signal: Int32, seconds: Double)? = nil
)
  throws -> CommandResult
{
  // The same whether the tests run in CI or not.
  let surroundings = ProcessInfo.processInfo.environment.filter {
    !["CI", "BUILD_NUMBER", "TF_BUILD", "GITHUB_ACTIONS"].contains($0.key)
  }
  let process = try ChildProcess(
    aloraPath, arguments, directory: directory, environment: surroundings.merging(environment) { $1 }, input: input)
  if let interruption {
    Thread.sleep(forTimeInterval: interruption.seconds)
    process.send(interruption.signal)
  }
  return try process.end()
}
