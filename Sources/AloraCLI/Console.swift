internal import AloraReports
internal import AloraSystem

/// One of the two standard streams, and whether it may carry colour.
struct Console: Sendable {
  let descriptor: Int32
  let isTerminal: Bool
  /// Color only on a terminal, and never if the user has set NO_COLOR (no-color.org).
  let hasColor: Bool

  /// Whether a CI system may read what is written here as a log with commands in it.
  private static let logIsRead =
    FileSystem.environment("GITHUB_ACTIONS") == "true" || FileSystem.environment("TF_BUILD") != nil

  static let standardOutput = Console(descriptor: STDOUT_FILENO)
  static let standardError = Console(descriptor: STDERR_FILENO)

  private init(descriptor: Int32) {
    self.descriptor = descriptor
    isTerminal = FileSystem.isTerminal(descriptor: descriptor)
    let noColor = FileSystem.environment("NO_COLOR") ?? ""
    hasColor = isTerminal && noColor.isEmpty && FileSystem.environment("TERM") != "dumb"
  }

  /// Writes all of `text`, escaped so that a CI system sees no workflow commands in it.
  ///
  /// If the stream is closed or full, the process prints the reason and exits with the code for I/O failures. If the
  /// reader has gone, SIGPIPE ends the process as it ends any command; if that signal is ignored, the process exits with
  /// the same code and prints nothing.
  func write(_ text: String) {
    writeAsItIs(Self.logIsRead ? text.escapingWorkflowCommands() : text)
  }

  /// As ``write(_:)``, for commands of our own, and for text that was asked for and may be caught by a script.
  func writeAsItIs(_ text: String) {
    let bytes = Array(text.utf8)
    var done = 0
    while done < bytes.count {
      // Safe: the slice lies within the array for the time of the call.
      let wrote = unsafe bytes[done...].withUnsafeBytes { unsafe systemWrite(descriptor, $0.baseAddress, $0.count) }
      if wrote < 0 && errno == EINTR { continue }
      if wrote < 0 && errno == EAGAIN {
        waitForRoom()
        continue
      }
      guard wrote > 0 else { fail(errno) }
      done += wrote
    }
  }

  /// Waits until a stream that does not block takes more.
  private func waitForRoom() {
    var item = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    // Safe: the one item, for the time of the call.
    let count = unsafe poll(&item, 1, -1)
    if count < 0 && errno != EINTR { fail(errno) }
  }

  private func fail(_ code: Int32) -> Never {
    if descriptor != STDERR_FILENO && code != EPIPE {
      let reason = unsafe String(cString: strerror(code))
      Console.standardError.write("alora: standard output: cannot write: \(reason)\n")
    }
    ExitStatus.inputOutput.endProcess()
  }

  /// How text for this stream is marked up.
  var style: TextStyle { TextStyle(hasColor: hasColor) }
}

private func systemWrite(_ descriptor: Int32, _ bytes: UnsafeRawPointer?, _ count: Int) -> Int {
  unsafe write(descriptor, bytes, count)
}
