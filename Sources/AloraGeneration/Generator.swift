internal import AloraSystem
package import AloraSchemas
package import AloraInference

/// A text to continue.
package struct GenerationRequest: Sendable {
  /// The prompt, at least one token.
  package var tokens: [Int]
  package var adapter: Adapter?
  /// The first adapted position; nil: the adapter is off.
  package var activationStart: Int?
  /// The largest number of tokens to generate.
  package var limit: Int
  package var sampling = SamplingOptions.greedy
  package var seed: UInt64 = 0
  /// Tokens that end the text. The end token is the last generated one.
  package var endTokens: Set<Int> = []
  /// The schema that the text has to fit, before its first token; nil: anything.
  package var schema: SchemaText?

  /// A request whose adapter is active by its own rule: see ``Adapter/activationStart(in:)``.
  ///
  /// Only the prompt is searched. An invocation in generated tokens, or one that they complete, activates nothing.
  package init(tokens: [Int], adapter: Adapter? = nil, limit: Int) {
    self.init(
      tokens: tokens, adapter: adapter, activationStart: adapter.flatMap { $0.activationStart(in: tokens) },
      limit: limit)
  }

  /// A request whose activation start is known.
  package init(tokens: [Int], adapter: Adapter?, activationStart: Int?, limit: Int) {
    self.tokens = tokens
    self.adapter = adapter
    self.activationStart = activationStart
    self.limit = limit
  }

  /// How long the text can get.
  package var declaredLength: Int { tokens.count + limit }
}

extension GenerationRequest {
  /// How many tokens two texts begin with that the same weights compute.
  package func sharedCount(with other: GenerationRequest) -> Int {
    let count = zip(tokens, other.tokens).prefix { $0 == $1 }.count
    let starts = [self, other].map { $0.adapter == nil ? Int.max : $0.activationStart ?? .max }
    let isSame = starts[0] == starts[1] && adapter?.digest == other.adapter?.digest
    return isSame ? count : min(count, starts[0], starts[1])
  }
}

/// A generated token.
package struct GenerationStep {
  /// The index of the request.
  package let request: Int
  package let choice: SampledToken
  /// The logits that it was chosen from.
  package let logits: ArraySlice<Float>
}

/// A continued text.
package struct Generation: Sendable {
  package enum End: String, Sendable {
    /// An end token was generated.
    case token = "end_token"
    /// The limit was reached.
    case limit
    /// The text is a whole value of its schema, and nothing can follow it.
    case complete
    /// The caller wanted no more.
    case stopped
  }
  package internal(set) var choices: [SampledToken] = []
  package internal(set) var end = End.limit
  /// How many of the prompt's tokens came from the cache.
  package internal(set) var reusedCount = 0
  /// The time from the call to the first token. With several requests, it includes earlier requests' prompts.
  package internal(set) var secondsToFirstToken = 0.0
  package internal(set) var seconds = 0.0

  package var tokens: [Int] { choices.map(\.token) }
}

/// Continues texts with a base model and any number of adapters, on one cache.
package final class Generator {
  package let evaluator: Evaluator
  package let cache: PrefixCache
  /// The number of a prompt's tokens in one chunk.
  package static let chunkCount = 512
  /// If a prompt lacks at most this many tokens, they are computed together with those of other prompts.
  static let shortCount = 64

  package init(evaluator: Evaluator, cache: PrefixCache) {
    precondition(evaluator.model === cache.model, "a cache of another model")
    self.evaluator = evaluator
    self.cache = cache
  }

  /// Continues texts, all of them together: one pass of the model computes a token for each.
  ///
  /// The logits (and, with the same seed, the tokens) are bit-identical to those of each request alone without a cache.
  /// - Parameter isWanted: called with each token; false ends that text.
  /// - Throws: as ``Evaluator/evaluate(_:)``; ``SchemaError``.
  package func generate(_ requests: [GenerationRequest], isWanted: (GenerationStep) throws -> Bool = { _ in true })
    throws
    -> [Generation]
  {
    let start = MonotonicClock.seconds
    var results = requests.map { _ in Generation() }
    var texts: [(held: CachedSequence, sampler: Sampler)] = []
    var running: [Int] = []
    /// Whether the text continues.
    func take(_ index: Int, _ logits: ArraySlice<Float>) throws -> Bool {
      let request = requests[index]
      let (choice, goesOn) = try texts[index].sampler.next(logits)
      results[index].choices.append(choice)
      let now = MonotonicClock.seconds - start
      if results[index].choices.count == 1 { results[index].secondsToFirstToken = now }
      results[index].seconds = now
      if try !isWanted(GenerationStep(request: index, choice: choice, logits: logits)) {
        results[index].end = .stopped
      } else if request.endTokens.contains(choice.token) {
        results[index].end = .token
      } else if !goesOn {
        results[index].end = .complete
      } else {
        return results[index].choices.count < request.limit
      }
      return false
    }
    var short: [Int] = []
    func take(prompts indices: [Int]) throws {
      guard !indices.isEmpty else { return }
      let logits = try finishPrompts(indices.map { (texts[$0].held.sequence, requests[$0]) })
      for (index, logits) in zip(indices, logits) {
        cache.insert(texts[index].held.sequence)
        if requests[index].limit > 0, try take(index, logits.values[...]) { running.append(index) }
      }
    }
    for (index, request) in requests.enumerated() {
      let held = cache.sequence(for: request)
      // The positions where later requests diverge from this text.
      held.sequence.snapshotPositions = Set(requests[(index + 1)...].map { request.sharedCount(with: $0) })
      texts.append((held, Sampler(request.sampling, seed: request.seed, schema: request.schema)))
      results[index].reusedCount = held.reusedCount
      if request.tokens.count - held.reusedCount > Self.shortCount {
        // Computed now, so that the requests after this one can reuse it.
        try take(prompts: [index])
      } else {
        short.append(index)
        if short.count * Self.shortCount >= Self.chunkCount {
          try take(prompts: short)
          short = []
        }
      }
    }
    try take(prompts: short)
    while !running.isEmpty {
      let work = running.map { index in
        Work(texts[index].held.sequence, tokens: [results[index].choices.last?.token ?? 0], logits: .last)
      }
      let logits = try evaluator.evaluate(work)
      running = try zip(running, logits).filter { try take($0, $1.values[...]) }.map(\.0)
    }
    for text in texts { cache.insert(text.held.sequence) }
    return results
  }

  /// Computes the parts of prompts that their sequences lack; the last part of each goes into one batch.
  ///
  /// - Returns: the logits of each prompt's last token; none for a request with a limit of 0.
  private func finishPrompts(_ prompts: [(sequence: TokenSequence, request: GenerationRequest)]) throws -> [Logits] {
    for (sequence, request) in prompts {
      while request.tokens.count - sequence.tokens.count > Self.chunkCount {
        let first = sequence.tokens.count
        let part = Array(request.tokens[first..<(first + Self.chunkCount)])
        _ = try evaluator.evaluate([Work(sequence, tokens: part, logits: .none)])
      }
    }
    return try evaluator.evaluate(
      prompts.map { sequence, request in
        Work(
          sequence, tokens: Array(request.tokens[sequence.tokens.count...]), logits: request.limit > 0 ? .last : .none)
      })
  }
}
