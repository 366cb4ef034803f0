/// One of the two standard streams for output.
package struct StandardStream: Sendable {
  package static let standardOutput = StandardStream(descriptor: STDOUT_FILENO)
  package static let standardError = StandardStream(descriptor: STDERR_FILENO)

  package let descriptor: Int32
  package let isTerminal: Bool
  /// Color only on a terminal, and never if the user has set NO_COLOR (no-color.org).
  package let hasColor: Bool

  package init(descriptor: Int32) {
    self.descriptor = descriptor
    isTerminal = FileSystem.isTerminal(descriptor: descriptor)
    let noColor = FileSystem.environment("NO_COLOR") ?? ""
    hasColor = isTerminal && noColor.isEmpty && FileSystem.environment("TERM") != "dumb"
  }

  /// A stream that is closed or full, or whose reader has gone.
  package struct Failure: Error, Hashable {
    /// The system's error number.
    package let number: Int32

    package var isReaderGone: Bool { number == EPIPE }
    /// The system's words for it.
    package var reason: String { unsafe String(cString: strerror(number)) }
  }

  /// Writes all of `text`, and waits if the stream doesn't take it at once.
  ///
  /// If the reader has gone, SIGPIPE ends the process as it ends any command, unless that signal is ignored.
  package func write(_ text: String) throws(Failure) {
    let bytes = Array(text.utf8)
    var done = 0
    while done < bytes.count {
      // Safe: the span is read before `write` returns.
      let wrote = Syscalls.live.write(descriptor, unsafe bytes.span.bytes.extracting(done...))
      if wrote < 0 && errno == EINTR { continue }
      if wrote < 0 && errno == EAGAIN {
        try waitForRoom()
        continue
      }
      guard wrote > 0 else { throw Failure(number: errno) }
      done += wrote
    }
  }

  /// Waits until a stream that does not block takes more.
  private func waitForRoom() throws(Failure) {
    var item = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    // Safe: the one item, for the time of the call.
    let count = unsafe poll(&item, 1, -1)
    if count < 0 && errno != EINTR { throw Failure(number: errno) }
  }
}
