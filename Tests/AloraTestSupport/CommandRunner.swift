import Foundation

/// The end of a run of the built command.
public struct CommandResult {
  public let status: Int32
  public let output: String
  public let errors: String
  /// False where a signal (a crash, a trap) ended it.
  public let exitedNormally: Bool
}

/// Runs the `alora` that was built with the tests.
///
/// - Parameter interruption: a signal, and after how many seconds it is sent where the command still runs.
public func runAlora(
  _ arguments: [String], directory: String? = nil, environment: [String: String] = [:], input: String? = nil,
  interruption: (signal: Int32, seconds: Double)? = nil
)
  throws -> CommandResult
{
  let tests = URL(fileURLWithPath: CommandLine.arguments[0]).resolvingSymlinksInPath()
  var folder = tests.deletingLastPathComponent()
  while !FileManager.default.isExecutableFile(atPath: folder.appendingPathComponent("alora").path), folder.path != "/" {
    folder = folder.deletingLastPathComponent()
  }
  let process = Process()
  process.executableURL = folder.appendingPathComponent("alora")
  process.arguments = arguments
  if let directory { process.currentDirectoryURL = URL(fileURLWithPath: directory) }
  // The same whether the tests run in CI or not.
  let surroundings = ProcessInfo.processInfo.environment.filter {
    !["CI", "BUILD_NUMBER", "TF_BUILD"].contains($0.key)
  }
  process.environment = surroundings.merging(environment) { $1 }
  let (output, errors) = (Pipe(), Pipe())
  process.standardOutput = output
  process.standardError = errors
  let inputPipe = Pipe()
  process.standardInput = input == nil ? FileHandle.nullDevice : inputPipe
  // Threads of a pool block all signals, and what they start would, too.
  var (all, earlier) = (sigset_t(), sigset_t())
  sigfillset(&all)
  pthread_sigmask(SIG_UNBLOCK, &all, &earlier)
  defer { pthread_sigmask(SIG_SETMASK, &earlier, nil) }
  try process.run()
  if let input {
    // Short enough for a pipe's buffer.
    try inputPipe.fileHandleForWriting.write(contentsOf: Data(input.utf8))
    try inputPipe.fileHandleForWriting.close()
  }
  if let interruption {
    Thread.sleep(forTimeInterval: interruption.seconds)
    // Not yet waited for, so the number is still this process's, running or not.
    kill(process.processIdentifier, interruption.signal)
  }
  // The command's messages fit in a pipe's buffer; the result may not, and is read while it runs.
  let outputData = output.fileHandleForReading.readDataToEndOfFile()
  let errorData = errors.fileHandleForReading.readDataToEndOfFile()
  process.waitUntilExit()
  return CommandResult(
    status: process.terminationStatus, output: String(decoding: outputData, as: UTF8.self),
    errors: String(decoding: errorData, as: UTF8.self), exitedNormally: process.terminationReason == .exit)
}
