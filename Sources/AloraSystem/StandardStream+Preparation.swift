extension StandardStream {
  /// Makes the process safe from what it may be started with: closed streams, and signals that would cut its work short.
  ///
  /// - Parameter interruption: a line for standard error when a signal stops the run.
  package static func prepare(interruption: StaticString) {
    // A stream that is closed would give its number to the next file that is opened, and messages would go there. The
    // access is the wrong one, so that its use still fails.
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
      _ = unsafe open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
    }
    // A limit on file sizes is an error of the write then, not the end of the process.
    _ = signal(SIGXFSZ, SIG_IGN)
    tellInterruption(interruption)
  }

  /// A line for who stops a run; the end is still the signal's, so that shells and CI see it as one. No file is half
  /// written then: see ``AtomicFile``.
  private static func tellInterruption(_ text: StaticString) {
    unsafe interruptionText = text
    for number in [SIGINT, SIGTERM] {
      let earlier = signal(number) { number in
        // What a handler may do: no memory is taken, no lock waited for.
        unsafe writeToStandardError(interruptionText)
        _ = signal(number, SIG_DFL)
        _ = raise(number)
      }
      // Whoever started it wants it not to be interrupted (nohup, or a shell's background).
      if unsafe unsafeBitCast(earlier, to: Int.self) == unsafeBitCast(SIG_IGN, to: Int.self) {
        _ = signal(number, SIG_IGN)
      }
    }
  }
}

// A closure that is a signal's handler would find the method of that name first.
private func writeToStandardError(_ text: StaticString) {
  _ = unsafe write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
}

/// Safe: written once, before a handler that reads it is installed.
nonisolated(unsafe) private var interruptionText: StaticString = ""
