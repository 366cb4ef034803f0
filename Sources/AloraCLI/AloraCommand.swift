internal import AloraReports
internal import AloraSystem
internal import AloraRegex
internal import ArgumentParser

/// The command `alora`: parses the arguments, runs a subcommand, and turns its outcome into an exit code.
@main struct AloraCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "alora",
    abstract: "Convert, inspect, verify, run and serve LoRA and Activated LoRA (aLoRA) adapters for GGUF engines.",
    discussion: """
      Exit codes: 0 success; 1 a check ran and failed; 2 wrong usage; 3 input refused; 4 reading or writing failed.
      """,
    version: aloraVersion,
    subcommands: [
      ConvertCommand.self, InspectCommand.self, DiffCommand.self, TokenizeCommand.self, TokensCommand.self,
      LogitsCommand.self, GoldenCommand.self, VerifyCommand.self, RunCommand.self, ServeCommand.self, MergeCommand.self,
      BenchCommand.self,
    ])

  static func main() {
    StandardStream.prepare(interruption: "alora: interrupted; files are as they were before, or complete\n")
    MatchingBudget.whenExceeded {
      Console.standardError.write(
        "alora: a file's regular expression takes too long on its text\n")
      ExitStatus.inputRefused.endProcess()
    }
    guard let words = CallArguments.words else {
      Console.standardError.write("alora: the system doesn't tell the arguments of this call; mount /proc\n")
      ExitStatus.inputOutput.endProcess()
    }
    run(words).endProcess()
  }

  static func run(_ arguments: [String]) -> ExitStatus {
    do {
      var command = try parseAsRoot(arguments)
      try command.run()
      return .success
    } catch let status as ExitStatus {
      return status
    } catch let error as any DiagnosedError {
      Console.standardError.write("alora: \(error.line(RemedyNames(arguments: arguments)))\n")
      return ExitStatus(error.category)
    } catch {
      let message = fullMessage(for: error)
      if exitCode(for: error).isSuccess {
        Console.standardOutput.write(message.isEmpty ? "" : message + "\n")
        return .success
      }
      // The message repeats words of the call.
      let hint = RemedyNames(arguments: arguments).hint(after: message).map { "\n" + $0 } ?? ""
      let lines = (message + hint).split(separator: "\n", omittingEmptySubsequences: false)
      let shown = lines.map { String($0).escapingControlCharacters() }.joined(separator: "\n")
      Console.standardError.write(message.isEmpty ? "" : shown + "\n")
      return .usage
    }
  }
}

/// The exit code of a run (docs/design.md, "Commands"). A command that has already printed its message throws it.
enum ExitStatus: Int32, Error {
  case success = 0
  /// A check ran and failed.
  case checkFailed = 1
  case usage = 2
  case inputRefused = 3
  case inputOutput = 4

  /// Ends the process with this code.
  func endProcess() -> Never { exit(rawValue) }

  init(_ category: ErrorCategory) {
    switch category {
    case .usage: self = .usage
    case .refusedInput: self = .inputRefused
    case .inputOutput: self = .inputOutput
    }
  }
}
