package import AloraInference

/// Measures what an Activated LoRA saves deep in a context.
package struct TimeToFirstToken {
  package let evaluator: Evaluator
  package let adapter: Adapter
  /// The tokens after the context that activate the adapter.
  package let invocation: [Int]

  /// - Parameter adapter: its weights serve as an Activated LoRA and, from the first token on, as an ordinary one.
  package init(evaluator: Evaluator, adapter: Adapter) {
    self.evaluator = evaluator
    self.adapter = adapter
    // Four tokens replace the invocation that an ordinary LoRA lacks.
    invocation = adapter.invocationTokens ?? [1, 2, 3, 4].map { $0 % evaluator.model.vocabularySize }
  }

  /// Times in one context.
  ///
  /// Units: seconds.
  package struct Times: Hashable, Sendable {
    package let contextCount: Int
    /// The base, with nothing in the cache.
    package let baseCold: Double
    /// An ordinary LoRA, which can't reuse keys and values that others computed.
    package let plainCold: Double
    /// The Activated LoRA after a context that the base has computed: the median of the calls.
    package let activatedWarm: Double
    /// How many tokens each of these calls had to compute.
    package let computedCount: Int

    package var ratio: Double { plainCold / activatedWarm }
  }

  /// Any tokens will do; these are spread over the vocabulary.
  private func text(_ count: Int) -> [Int] {
    let vocabulary = evaluator.model.vocabularySize
    return (0..<count).map { ($0 * 7919 + 13) % vocabulary }
  }

  /// The context, a token that is different in every call, and the invocation.
  private func call(_ context: [Int], _ number: Int, from start: Int?, limit: Int = 1) -> GenerationRequest {
    let own = (context.count + 31 * number + 1) % evaluator.model.vocabularySize
    var request = GenerationRequest(tokens: context + [own] + invocation, adapter: adapter, limit: limit)
    request.activationStart = start
    return request
  }

  /// The times in a context of some tokens.
  ///
  /// - Parameter repeats: how many calls of the Activated LoRA are measured; the others are measured once.
  /// - Throws: as ``Evaluator/evaluate(_:)``.
  package func times(contextCount: Int, repeats: Int) throws -> Times {
    let context = text(contextCount)
    let cold = PrefixCache(model: evaluator.model, byteLimit: 0)
    let plain = try Generator(evaluator: evaluator, cache: cold).generate([call(context, 0, from: 0)])[0]
    let warm = Generator(evaluator: evaluator, cache: PrefixCache(model: evaluator.model, byteLimit: .max))
    let base = try warm.generate([GenerationRequest(tokens: context, limit: 1)])[0]
    let calls = try (0..<repeats).map { number in
      let request = call(context, number, from: contextCount + 1)
      return (request.tokens.count, try warm.generate([request])[0])
    }
    let computed = calls.map { $0.0 - $0.1.reusedCount }.max() ?? 0
    let sorted = calls.map(\.1.secondsToFirstToken).sorted()
    return Times(
      contextCount: contextCount, baseCold: base.secondsToFirstToken, plainCold: plain.secondsToFirstToken,
      activatedWarm: sorted[sorted.count / 2], computedCount: computed)
  }

  /// The time that new tokens take after a context.
  package struct Continuation: Hashable, Sendable {
    package let newCount: Int
    /// To the first token after them: the median.
    ///
    /// Units: seconds.
    package let seconds: Double
  }

  /// The time of an Activated LoRA's call after a context that the base has computed, for several numbers of new tokens.
  ///
  /// - Parameter newCounts: each at least 1.
  /// - Throws: as ``Evaluator/evaluate(_:)``.
  package func continuations(contextCount: Int, newCounts: [Int], repeats: Int) throws -> [Continuation] {
    let vocabulary = evaluator.model.vocabularySize
    let context = text(contextCount)
    let generator = Generator(evaluator: evaluator, cache: PrefixCache(model: evaluator.model, byteLimit: .max))
    _ = try generator.generate([GenerationRequest(tokens: context, limit: 0)])
    return try newCounts.map { count in
      let times = try (0..<repeats).map { number in
        // Each begins with a different token, so that none can reuse what the one before computed.
        let new = (0..<count).map { ($0 * 31 + 101 * number + 1009 * count + contextCount) % vocabulary }
        var request = GenerationRequest(tokens: context + new, adapter: adapter, limit: 1)
        request.activationStart = contextCount
        return try generator.generate([request])[0].secondsToFirstToken
      }
      return Continuation(newCount: count, seconds: times.sorted()[repeats / 2])
    }
  }

  /// A base turn, then some adapters' calls, then the base again, as in an agent.
  package struct Pipeline: Hashable, Sendable {
    package let contextCount: Int
    package let generatedCount: Int
    /// The base's first turn, and its last one, which continues the first.
    package let (baseFirst, baseLast): (Double, Double)
    /// The time from a call to its last token, for each Activated LoRA and for each ordinary one.
    package let (activated, plain): ([Double], [Double])
    /// The cache's blocks after the first base turn, and at the end; and at the end with ordinary LoRAs.
    package let (baseBlockCount, activatedBlockCount, plainBlockCount): (Int, Int, Int)
  }

  /// Measures a pipeline, with Activated LoRAs and with ordinary ones.
  ///
  /// The calls stand for different adapters: each has its own token before its activation, so none can reuse what another
  /// computed. The ordinary ones have their own caches.
  /// - Throws: as ``Evaluator/evaluate(_:)``.
  package func pipeline(contextCount: Int, adapterCount: Int, generatedCount: Int) throws -> Pipeline {
    let model = evaluator.model
    let generator = Generator(evaluator: evaluator, cache: PrefixCache(model: model, byteLimit: .max))
    let first = try generator.generate([GenerationRequest(tokens: text(contextCount), limit: generatedCount)])[0]
    let context = text(contextCount) + first.tokens
    let baseBlockCount = generator.cache.blockCount
    let activated = try (0..<adapterCount).map { number in
      try generator.generate([call(context, number, from: context.count + 1, limit: generatedCount)])[0].seconds
    }
    let activatedBlockCount = generator.cache.blockCount
    let last = try generator.generate([
      GenerationRequest(tokens: context + [(context.count + 7) % model.vocabularySize], limit: generatedCount)
    ])[0]
    var (plain, plainBlockCount) = ([Double](), baseBlockCount)
    for number in 0..<adapterCount {
      let own = Generator(evaluator: evaluator, cache: PrefixCache(model: model, byteLimit: .max))
      plain.append(try own.generate([call(context, number, from: 0, limit: generatedCount)])[0].seconds)
      plainBlockCount += own.cache.blockCount
    }
    return Pipeline(
      contextCount: contextCount, generatedCount: generatedCount, baseFirst: first.seconds, baseLast: last.seconds,
      activated: activated, plain: plain, baseBlockCount: baseBlockCount, activatedBlockCount: activatedBlockCount,
      plainBlockCount: plainBlockCount)
  }
}
