#if canImport(Glibc)
  internal import Glibc
#elseif canImport(Musl)
  internal import Musl
#else
  internal import Darwin
#endif

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
  }
}
