internal import AloraTensors
internal import AloraSystem
package import AloraGeneration
internal import AloraInference
package import AloraJSON

extension RunSession.Answer {
  /// Schema: schemas/run.schema.json, `turns`.
  package func json(withMargins: Bool) -> JSONValue {
    .members([
      "adapter": adapter.map { .string($0) } ?? .null,
      "activation_start": activationStart.map { .integer($0) } ?? .null,
      "prompt_tokens": .integer(promptTokenCount),
      "cached_tokens": .integer(generation.reusedCount),
      "text": .string(text),
      "tokens": .array(generation.tokens.map { .integer($0) }),
      "end": .string(stopText != nil ? "stop_text" : filledContext ? "context" : generation.end.rawValue),
      "stop_text": stopText.map { .string($0) } ?? .null,
      "seconds_to_first_token": .number(generation.secondsToFirstToken),
      "seconds": .number(generation.seconds),
      "choices": withMargins
        ? .array(
          generation.choices.map {
            ["top": .array($0.top.map { .integer($0) }), "margin": .number(Double($0.margin))]
          }) : nil,
    ])
  }

  /// One line for people.
  package var summary: String {
    let who = adapter.map { name in
      activationStart.map { "\(name) from token \($0) on" }
        ?? "\(name), inactive because its invocation isn't in the prompt"
    }
    let prompt =
      "\(who ?? "base"): \(counted(promptTokenCount, "token")), \(generation.reusedCount) of them from the cache"
    let count = generation.tokens.count
    guard count > 0 else { return "\(prompt); no answer" }
    let decoding = generation.seconds - generation.secondsToFirstToken
    var text = "\(prompt); first token after \(Self.milliseconds(generation.secondsToFirstToken))"
    if count > 1, decoding > 0 { text += ", then \(Int(Double(count - 1) / decoding)) tokens a second" }
    if filledContext { text += "; the context is full" }
    return text
  }

  private static func milliseconds(_ seconds: Double) -> String { "\((seconds * 10_000).rounded() / 10) ms" }
}

extension RunSession {
  /// Schema: schemas/run.schema.json.
  package func report(model: String, answers: [Answer], withMargins: Bool) -> JSONValue {
    let (cache, statistics) = (generator.cache, generator.cache.statistics)
    let counts = cache.blockCounts
    let sampling = settings.sampling
    return [
      "model": .string(model),
      "adapters": .array(
        adapters.map { name, adapter in
          [
            "name": .string(name), "path": .string(adapter.path), "sha256": .string(adapter.digest.description),
            "invocation_tokens": adapter.invocationTokens.map { .array($0.map { .integer($0) }) } ?? .null,
          ]
        }),
      "sampling": [
        "temperature": .number(sampling.temperature), "top_k": sampling.topCount.map { .integer($0) } ?? .null,
        "top_p": sampling.topProbability.map { .number($0) } ?? .null,
        "min_p": sampling.minimumProbability.map { .number($0) } ?? .null, "seed": .string(String(settings.seed)),
      ],
      "turns": .array(answers.map { $0.json(withMargins: withMargins) }),
      "cache": [
        "byte_limit": .integer(cache.byteLimit), "bytes": .integer(cache.byteCount),
        "block_bytes": .integer(cache.model.cacheBlockByteCount), "blocks": .integer(cache.blockCount),
        "base_blocks": .integer(counts.base), "evicted_blocks": .integer(statistics.evictedBlockCount),
        "requested_tokens": .integer(statistics.requestedTokenCount),
        "reused_tokens": .integer(statistics.reusedTokenCount),
      ],
    ]
  }
}
