/// What an engine has done since it began, and what it does now.
package struct ServingStatistics: Sendable {
  package internal(set) var requestCount = 0
  package internal(set) var refusedCount = 0
  package internal(set) var cancelledCount = 0
  package internal(set) var failedCount = 0
  package internal(set) var endedCount = 0
  /// Requests that took longer than is allowed.
  package internal(set) var expiredCount = 0
  /// Passes of the model.
  package internal(set) var passCount = 0
  package internal(set) var promptTokenCount = 0
  /// Tokens of prompts that came from the cache.
  package internal(set) var reusedTokenCount = 0
  package internal(set) var generatedTokenCount = 0
  /// The time from a request's first pass to its end, over all that ended.
  package internal(set) var activeSeconds = 0.0

  package internal(set) var activeCount = 0
  package internal(set) var waitingCount = 0
  package internal(set) var cacheByteCount = 0
  package internal(set) var cacheByteLimit = 0
  package internal(set) var evictedBlockCount = 0
}
