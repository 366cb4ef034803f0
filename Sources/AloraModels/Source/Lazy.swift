internal import Synchronization

/// A value that is computed on first use, and kept.
final class Lazy<Value: Sendable>: Sendable {
  private let stored = Mutex<Value?>(nil)

  /// After an error, the next call tries again.
  func value(_ make: () throws -> Value) throws -> Value {
    try stored.withLock { stored in
      if let value = stored { return value }
      let value = try make()
      stored = value
      return value
    }
  }
}
