/// A request for the log-probabilities of one token.
package struct CompletionRequest: Hashable, Sendable {
  package enum Endpoint: CaseIterable, Sendable {
    case native
    /// See ``ServerCapabilities/secondEndpoint``.
    case openAI
  }

  package var tokens: [Int]
  /// The scale asked for each of the server's adapters; empty: the request names none.
  package var scales: [ServerAdapter.Identifier: Double]
  package var endpoint = Endpoint.native
  /// Whether keys and values of the previous request may be reused.
  package var reusesCache = false
  /// The token that the server is made to generate; nil: the likeliest. The log-probabilities stay the model's.
  ///
  /// See ``ServerCapabilities/forcesTokens``.
  package var forcedToken: Int?
  /// Requests with the same number may share a cache, if ``reusesCache`` allows it; others must not.
  package var group = 0

  package init(
    tokens: [Int], scales: [ServerAdapter.Identifier: Double], endpoint: Endpoint = .native, reusesCache: Bool = false
  ) {
    self.tokens = tokens
    self.scales = scales
    self.endpoint = endpoint
    self.reusesCache = reusesCache
  }
}

/// A server's log-probabilities of the next token.
package struct CompletionAnswer: Hashable, Sendable {
  package struct Candidate: Hashable, Sendable {
    package let token: Int
    /// Units: nats.
    package let logProbability: Double

    package init(token: Int, logProbability: Double) {
      self.token = token
      self.logProbability = logProbability
    }
  }

  /// The most probable ones, each token once.
  package let candidates: [Candidate]
  /// How many of the prompt's tokens came from the cache; nil if the server doesn't say.
  package let cachedTokenCount: Int?

  package init(candidates: [Candidate], cachedTokenCount: Int?) {
    self.candidates = candidates
    self.cachedTokenCount = cachedTokenCount
  }

  /// The root mean square of the differences at the tokens that both name; infinite if there are none.
  ///
  /// Units: nats.
  func difference(from other: CompletionAnswer) -> Double {
    let values = Dictionary(candidates.map { ($0.token, $0.logProbability) }) { first, _ in first }
    let squares = other.candidates.compactMap { candidate in
      values[candidate.token].map { ($0 - candidate.logProbability) * ($0 - candidate.logProbability) }
    }
    return squares.isEmpty ? .infinity : (squares.reduce(0, +) / Double(squares.count)).squareRoot()
  }
}
