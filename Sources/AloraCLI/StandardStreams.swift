internal import AloraSystem

/// What a process may be started with, and must not fall for.
enum StandardStreams {
  static func prepare() {
    // A stream that is closed would give its number to the next file that is opened, and messages would go there. The
    // access is the wrong one, so that its use still fails.
    for descriptor in STDIN_FILENO...STDERR_FILENO where fcntl(descriptor, F_GETFD) < 0 {
      _ = unsafe open("/dev/null", descriptor == STDIN_FILENO ? O_WRONLY : O_RDONLY)
    }
    // A limit on file sizes is an error of the write then, not the end of the process.
    _ = signal(SIGXFSZ, SIG_IGN)
    tellInterruption()
  }

  /// A line for who stops a run; the end is still the signal's, so that shells and CI see it as one. No file is half
  /// written then: see ``AtomicFile``.
  private static func tellInterruption() {
    for number in [SIGINT, SIGTERM] {
      let earlier = signal(number) { number in
        // What a handler may do: no memory is taken, no lock waited for.
        let text: StaticString = "alora: interrupted; files are as they were before, or complete\n"
        _ = unsafe write(STDERR_FILENO, text.utf8Start, text.utf8CodeUnitCount)
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
