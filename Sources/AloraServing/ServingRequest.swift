package import AloraGeneration
package import AloraTensors

/// What a caller of a ``ServingEngine`` wants.
package struct ServingRequest: Sendable {
  package var generation: GenerationRequest
  /// How many of the most probable tokens are told with each token, with their log-probabilities; nil: none, and not the
  /// token's own either.
  package var alternativeCount: Int?
  /// Whether the digest of all logits is told at the end.
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
  /// Of the model's own distribution, before temperature and the other rules of sampling. Nil if it wasn't asked for.
  ///
  /// Units: nats.
  package let logProbability: Double?
  /// The most probable tokens, the first first.
  package let alternatives: [Alternative]
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
  /// - Parameter digest: SHA-256 of the logits that the tokens were chosen from, row after row.
  case ended(Generation.End, digest: Digest?)
}

/// Why a request isn't taken.
package enum ServingRefusal: Error, Hashable {
  /// As many requests wait as are allowed to. There may be room after so many seconds.
  case queueIsFull(retrySeconds: Int)
  /// The engine takes no more requests.
  case shuttingDown
}
