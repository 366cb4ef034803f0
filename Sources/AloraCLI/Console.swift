internal import AloraReports
internal import AloraSystem

/// One of the two standard streams, written to as terminals and CI systems need it.
struct Console: Sendable {
  static let standardOutput = Console(stream: .standardOutput)
  static let standardError = Console(stream: .standardError)

  private let stream: StandardStream

  var isTerminal: Bool { stream.isTerminal }
  /// How text for this stream is marked up.
  var style: TextStyle { TextStyle(hasColor: stream.hasColor) }

  /// Writes all of `text`, escaped so that a CI system sees no workflow commands in it.
  ///
  /// If the stream is closed or full, the process prints the reason and exits with the code for I/O failures. If the
  /// reader has gone, SIGPIPE ends the process as it ends any command; if that signal is ignored, the process exits with
  /// the same code and prints nothing.
  func write(_ text: String) { writeAsItIs(ContinuousIntegration.readsLog ? text.escapingWorkflowCommands() : text) }

  /// As ``write(_:)``, for commands of our own, and for text that was asked for and may be caught by a script.
  func writeAsItIs(_ text: String) {
    do { try stream.write(text) } catch {
      if stream.descriptor != STDERR_FILENO && !error.isReaderGone {
        Console.standardError.write("alora: standard output: cannot write: \(error.reason)\n")
      }
      ExitStatus.inputOutput.endProcess()
    }
  }

  /// Writes a model's words: on a terminal without what would steer it.
  func tell(_ text: String) {
    guard isTerminal else { return writeAsItIs(text) }
    write(text.escapingControlCharactersInLines())
  }
}
