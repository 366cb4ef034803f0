internal import AloraGeneration
internal import AloraInference
internal import AloraSystem
internal import AloraTensors

extension ServingEngine {
  /// A request, and how far it is.
  final class Entry {
    let number: Int
    let request: ServingRequest
    let continuation: AsyncThrowingStream<ServingEvent, any Error>.Continuation
    let submitted = MonotonicClock.seconds
    var started = 0.0
    var held: CachedSequence?
    var sampler: Sampler
    var digest: Digest.Hasher?
    /// The last generated token; nil while the prompt is being computed.
    var last: Int?
    var count = 0

    init(
      _ number: Int, _ request: ServingRequest,
      _ continuation: AsyncThrowingStream<ServingEvent, any Error>.Continuation
    ) {
      self.number = number
      self.request = request
      self.continuation = continuation
      let generation = request.generation
      sampler = Sampler(generation.sampling, seed: generation.seed, schema: generation.schema)
      if request.wantsDigest { digest = Digest.Hasher() }
    }

    var tokens: [Int] { request.generation.tokens }
    var declaredLength: Int { request.generation.declaredLength }
    /// How many of the prompt's tokens are still to be computed.
    var missingCount: Int { tokens.count - (held?.sequence.tokens.count ?? 0) }
  }

  /// One pass of the model: a token for every text that goes on, and a part of the prompts.
  func step() {
    expire()
    admit()
    let going = active.filter { $0.last != nil }
    let parts = promptParts(limit: promptRoom)
    var work: [(entry: Entry, tokens: [Int])] = going.map { ($0, [$0.last ?? 0]) }
    work += parts.map { entry, count in
      let first = entry.tokens.count - entry.missingCount
      return (entry, Array(entry.tokens[first..<(first + count)]))
    }
    guard !work.isEmpty else { return }
    let start = MonotonicClock.seconds
    compute(work)
    pace.add(
      tokenCount: work.reduce(0) { $0 + $1.tokens.count }, textCount: work.count,
      seconds: MonotonicClock.seconds - start)
    active.removeAll { $0.held == nil }
  }

  /// How many tokens of prompts one pass computes.
  private var promptRoom: Int {
    let isAlone = active.count + waiting.count <= 1
    let most = isAlone ? Generator.chunkCount : limits.sharedChunkCount
    return pace.tokenCount(in: isAlone ? limits.passSeconds.alone : limits.passSeconds.shared, atMost: most)
  }

  /// Ends what has taken too long.
  private func expire() {
    let oldest = MonotonicClock.seconds - limits.seconds
    func isExpired(_ entry: Entry) -> Bool {
      guard entry.submitted < oldest else { return false }
      retire(entry)
      entry.continuation.finish(throwing: ServingRefusal.tookTooLong)
      statistics.expiredCount += 1
      return true
    }
    waiting.removeAll(where: isExpired)
    active.removeAll(where: isExpired)
  }

  /// Starts requests, in the order of their arrival.
  ///
  /// One that begins like a prompt that is being computed waits for it, and finds it in the cache. Later ones may overtake it.
  private func admit() {
    var count = active.reduce(0) { $0 + $1.declaredLength }
    var later: [Entry] = []
    var isFull = false
    for entry in waiting {
      let hasRoom = active.count < limits.activeCount && entry.declaredLength <= limits.tokenCount - count
      isFull = isFull || !(active.isEmpty || hasRoom)
      guard !isFull, !waitsForOther(entry) else {
        later.append(entry)
        continue
      }
      let held = cache.sequence(for: entry.request.generation)
      entry.held = held
      entry.started = MonotonicClock.seconds
      statistics.promptTokenCount += entry.tokens.count
      statistics.reusedTokenCount += held.reusedCount
      entry.continuation.yield(
        .began(reusedCount: held.reusedCount, queueSeconds: entry.started - entry.submitted))
      active.append(entry)
      count += entry.declaredLength
    }
    waiting = later
  }

  /// Whether a prompt at work computes what this one needs, and sooner than this one would.
  private func waitsForOther(_ entry: Entry) -> Bool {
    active.contains { other in
      guard other.last == nil, let sequence = other.held?.sequence else { return false }
      let shared = entry.request.generation.sharedCount(with: other.request.generation)
      if shared > sequence.tokens.count + 32 {
        // Where this text can go on from, if the model has states.
        sequence.snapshotPositions.insert(min(shared, entry.tokens.count - 1))
        return true
      }
      // The cache gets a prompt when all of it is computed.
      guard other.missingCount + 32 < shared else { return false }
      return other.missingCount + 32 < shared - cache.reusableCount(for: entry.request.generation)
    }
  }

  /// Which prompts are computed in this pass, and how many tokens of each.
  ///
  /// The one that has waited longest gets half of the room, so that it ends; the shortest get the rest, so that nobody
  /// waits for a long one.
  private func promptParts(limit: Int) -> [(entry: Entry, count: Int)] {
    let prompts = active.filter { $0.last == nil && $0.missingCount > 0 }
    guard let oldest = prompts.first else { return [] }
    var room = limit
    var parts: [(entry: Entry, count: Int)] = []
    let others = prompts.dropFirst().sorted { ($0.missingCount, $0.number) < ($1.missingCount, $1.number) }
    let kept = others.isEmpty ? 0 : limit / 2
    for entry in others where room > kept {
      let count = min(entry.missingCount, room - kept)
      parts.append((entry, count))
      room -= count
    }
    parts.append((oldest, min(oldest.missingCount, room)))
    return parts
  }

  /// Computes pieces together. If that fails, computes them one by one, so that only the one at fault ends.
  private func compute(_ pieces: [(entry: Entry, tokens: [Int])]) {
    func work(_ piece: (entry: Entry, tokens: [Int])) -> Work? {
      guard let held = piece.entry.held else { return nil }
      let isLast = piece.entry.last != nil || piece.tokens.count == piece.entry.missingCount
      return Work(held.sequence, tokens: piece.tokens, logits: isLast ? .last : .none)
    }
    statistics.passCount += 1
    do {
      let logits = try evaluator.evaluate(pieces.compactMap(work))
      for (piece, logits) in zip(pieces, logits) { take(logits, for: piece.entry) }
    } catch {
      guard pieces.count > 1 else {
        for piece in pieces { fail(piece.entry, error) }
        return
      }
      for piece in pieces { compute([piece]) }
    }
  }

  private func take(_ logits: Logits, for entry: Entry) {
    guard let held = entry.held, !logits.values.isEmpty else { return }
    let generation = entry.request.generation
    if entry.last == nil { cache.insert(held.sequence) }
    guard generation.limit > 0 else { return end(entry, .limit) }
    do {
      let (choice, goesOn) = try entry.sampler.next(logits.values[...])
      let token = choice.token
      entry.last = token
      entry.count += 1
      statistics.generatedTokenCount += 1
      entry.digest?.add(logits.values)
      var served = ServedToken(token, logits.values[...], count: entry.request.alternativeCount)
      // Ending a hasher spends it, so a copy is ended.
      if let digest = entry.digest { served.digest = digest.end() }
      entry.continuation.yield(.token(served))
      if generation.endTokens.contains(token) {
        end(entry, .token)
      } else if !goesOn {
        end(entry, .complete)
      } else if entry.count >= generation.limit {
        end(entry, .limit)
      }
    } catch { fail(entry, error) }
  }

  private func fail(_ entry: Entry, _ error: any Error) {
    entry.continuation.finish(throwing: error)
    entry.held = nil
    statistics.failedCount += 1
  }

  private func end(_ entry: Entry, _ reason: Generation.End) {
    retire(entry)
    entry.held = nil
    statistics.endedCount += 1
    statistics.activeSeconds += MonotonicClock.seconds - entry.started
    entry.continuation.yield(.ended(reason))
    entry.continuation.finish()
  }
}
