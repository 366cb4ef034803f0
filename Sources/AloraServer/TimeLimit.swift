internal import AloraSystem
internal import HTTPTypes
internal import NIOCore
internal import Synchronization

/// Runs `body`, and cancels it if it takes too long.
///
/// - Throws: ``ServerError`` after the time.
func withTimeLimit<Result: Sendable>(
  seconds: Double, _ body: @escaping @Sendable () async throws -> Result
) async throws -> Result {
  try await withThrowingTaskGroup(of: Result?.self) { group in
    group.addTask { try await body() }
    group.addTask {
      try await Task.sleep(for: .seconds(seconds))
      return nil
    }
    defer { group.cancelAll() }
    guard let first = try await group.next(), let result = first else {
      throw ServerError(.requestTimeout, "the body didn't arrive in \(Int(seconds)) seconds", code: "timeout")
    }
    return result
  }
}

/// Closes a connection whose caller takes nothing for too long.
final class WriteWatch: Sendable {
  /// When the write began that is running; nil: none is.
  private let begin = Mutex<Double?>(nil)

  func begins() { begin.withLock { $0 = MonotonicClock.seconds } }
  func ends() { begin.withLock { $0 = nil } }

  /// Watches until it is cancelled.
  func watch(_ channel: any Channel, seconds: Double) async {
    while !Task.isCancelled {
      try? await Task.sleep(for: .seconds(min(1, seconds / 4)))
      if let start = begin.withLock({ $0 }), MonotonicClock.seconds - start > seconds {
        channel.close(promise: nil)
        return
      }
    }
  }
}
