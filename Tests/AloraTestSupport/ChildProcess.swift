import Foundation

/// A process that a test starts, with files for its streams.
///
/// Not Foundation's `Process`: that waits on a thread of its own, after which the number may be another process's, and passes
/// on the signals that a pool's thread blocks. And not pipes: writing to one that nobody reads any more ends the tests.
package final class ChildProcess {
  private let number: pid_t
  private let output: Int32
  private let errors: Int32

  /// - Parameters:
  ///   - environment: nil: the tests' own.
  ///   - standardOutput: a descriptor, which stays the caller's, instead of a file; the result's output is empty then.
  package init(
    _ path: String, _ arguments: [String], directory: String? = nil,
    environment: [String: String]? = nil, input: String? = nil, standardOutput: Int32? = nil
  ) throws {
    let given = try Self.namelessFile(holding: input ?? "")
    (output, errors) = (try Self.namelessFile(), try Self.namelessFile())
    defer { close(given) }
    #if canImport(Darwin)
      var (actions, attributes): (posix_spawn_file_actions_t?, posix_spawnattr_t?)
    #else
      var (actions, attributes) = (posix_spawn_file_actions_t(), posix_spawnattr_t())
    #endif
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    for (number, descriptor) in [given, standardOutput ?? output, errors].enumerated() {
      posix_spawn_file_actions_adddup2(&actions, descriptor, Int32(number))
    }
    // Threads of a pool block most signals, and what they start would, too.
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    let variables = (environment ?? ProcessInfo.processInfo.environment).map { "\($0)=\($1)" }
    var started: pid_t = 0
    // The shell becomes the command.
    let command = directory.map { ["/bin/sh", "-c", #"cd "$0" && exec "$@""#, $0] + [path] } ?? [path]
    let status = Self.withCStrings(command + arguments) { arguments in
      Self.withCStrings(variables) { posix_spawn(&started, command[0], &actions, &attributes, arguments, $0) }
    }
    guard status == 0 else { throw POSIXError(POSIXErrorCode(rawValue: status) ?? .ENOENT) }
    number = started
  }

  /// Sends a signal. The process has not been waited for, so the number is still its own, running or not.
  package func send(_ signal: Int32) { kill(number, signal) }

  /// Waits for the end; to be called once.
  package func end() throws -> CommandResult {
    var status: Int32 = 0
    while waitpid(number, &status, 0) < 0 { guard errno == EINTR else { throw POSIXError(.ECHILD) } }
    let signal = status & 0x7F
    return CommandResult(
      status: signal == 0 ? status >> 8 & 0xFF : signal, output: Self.contents(output), errors: Self.contents(errors),
      exitedNormally: signal == 0)
  }

  deinit {
    close(output)
    close(errors)
  }

  /// A file that other processes started meanwhile do not get.
  private static func namelessFile(holding text: String = "") throws -> Int32 {
    let path = NSTemporaryDirectory() + "/alora-\(UUID().uuidString)"
    let descriptor = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0o600)
    guard descriptor >= 0 else { throw POSIXError(POSIXErrorCode(rawValue: errno) ?? .EIO) }
    unlink(path)
    guard write(descriptor, text, text.utf8.count) == text.utf8.count, lseek(descriptor, 0, SEEK_SET) == 0 else {
      throw POSIXError(.EIO)
    }
    return descriptor
  }

  private static func contents(_ descriptor: Int32) -> String {
    lseek(descriptor, 0, SEEK_SET)
    let data = try? FileHandle(fileDescriptor: descriptor, closeOnDealloc: false).readToEnd()
    return String(decoding: data ?? Data(), as: UTF8.self)
  }

  private static func withCStrings<Result>(
    _ strings: [String], _ body: ([UnsafeMutablePointer<CChar>?]) -> Result
  ) -> Result {
    let copies = strings.map { strdup($0) }
    defer { for copy in copies { free(copy) } }
    return body(copies + [nil])
  }
}
