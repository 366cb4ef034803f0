package import AloraGeneration
package import AloraTensors

/// What a caller of a ``ServingEngine`` wants.
package struct ServingRequest: Sendable {
  package var generation: GenerationRequest
  /// The number of most probable tokens to report with each token, with their log-probabilities; nil: none, and not the
  /// token's own log-probability either.
  package var alternativeCount: Int?
  /// Whether to report the digest of the logits.
  package var wantsDigest = false

  package init(_ generation: GenerationRequest) { self.generation = generation }
}

/// A generated token, and how probable the model found it.
package struct ServedToken: Hashable, Sendable {
  package struct Alternative: Hashable, Sendable {
    package let token: Int
    /// Units: nats.
    package let logProbability: Double
  }

  package let token: Int
  /// In the model's own distribution, before any schema, temperature or other rule of sampling. Nil if it wasn't asked
  /// for.
  ///
  /// Units: nats.
  package let logProbability: Double?
  /// The most probable tokens, in descending order.
  package let alternatives: [Alternative]
  /// SHA-256 of the logits that this token and all before it were chosen from, row after row. Nil if it wasn't asked for.
  package var digest: Digest?
}

/// A request that an engine has taken.
package struct ServingTicket: Sendable {
  let number: Int
  /// What happens to the request. An error of the computation ends it.
  package let events: AsyncThrowingStream<ServingEvent, any Error>
}

/// What happens to a request, in this order: `began`, any number of `token`s, `ended`.
package enum ServingEvent: Sendable {
  /// The prompt is computed.
  ///
  /// - Parameters:
  ///   - reusedCount: how many of its tokens came from the cache.
  ///   - queueSeconds: how long the request waited before anything was computed for it.
  case began(reusedCount: Int, queueSeconds: Double)
  case token(ServedToken)
  case ended(Generation.End)
}

/// Why a request isn't taken, or isn't finished.
package enum ServingRefusal: Error, Hashable {
  /// As many requests wait as are allowed to. There may be room after some seconds.
  case queueIsFull(retrySeconds: Int)
  /// The request took longer than is allowed.
  case tookTooLong
  /// The engine takes no more requests.
  case shuttingDown
}
