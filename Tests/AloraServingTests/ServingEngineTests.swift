import AloraGeneration
import AloraSchemas
import AloraInference
import AloraTestSupport
import Foundation
import Testing

@testable import AloraServing

/// One engine for many callers.
@Suite(.timeLimit(.minutes(5))) struct ServingEngineTests {
  /// Sixty requests at once, some of them cancelled; a cache too small for them; prompts in small parts.
  @Test(arguments: [1, 40, 1000]) func everyAnswerIsTheOneThatIsComputedAlone(cacheBlocks: Int) async throws {
    try await checkAnswers(of: EngineFixture(), cacheBlocks: cacheBlocks)
  }

  @Test(
    arguments: ["granite-hybrid", "granite-hybrid-experts", "bamba-mamba", "lfm2", "qwen35", "falcon-h1"],
    [1, 40, 1000])
  func everyAnswerOfAModelWithStatesIsTheOneThatIsComputedAlone(name: String, cacheBlocks: Int) async throws {
    try await checkAnswers(of: EngineFixture(recurrent: name), cacheBlocks: cacheBlocks)
  }

  private func checkAnswers(of fixture: EngineFixture, cacheBlocks: Int) async throws {
    var limits = ServingEngine.Limits()
    limits.activeCount = 9
    limits.sharedChunkCount = 40
    let engine = fixture.engine(cacheBlocks: cacheBlocks, limits)
    try await withThrowingTaskGroup(of: Void.self) { group in
      for number in 0..<60 {
        let request = fixture.request(number)
        group.addTask {
          var served = ServingRequest(request)
          served.wantsDigest = true
          if number % 6 == 5 {
            // Goes away after the third token.
            for try await event in try await engine.submit(served).events {
              if case .token(let token) = event, number == token.token || Bool.random() { break }
            }
            return
          }
          let answer = try await engine.answer(served)
          let (tokens, digest) = try fixture.alone(request)
          #expect(answer.tokens.map(\.token) == tokens, "\(number)")
          #expect(answer.tokens.last?.digest == digest, "\(number)")
          #expect(answer.end == .limit)
        }
      }
      try await group.waitForAll()
    }
    let snapshot = await engine.snapshot
    #expect(snapshot.requestCount == 60 && snapshot.activeCount == 0 && snapshot.waitingCount == 0)
    #expect(snapshot.endedCount + snapshot.cancelledCount == 60)
    #expect(snapshot.cacheByteCount <= snapshot.cacheByteLimit)
    // Passes are shared: one for each token of each request would be more than twice as many.
    #expect(snapshot.passCount < 60 * 12 / 2)
  }

  @Test(arguments: [nil, "bamba"]) func anAdapterReusesWhatTheBaseComputed(recurrent: String?) async throws {
    let fixture = try recurrent.map { try EngineFixture(recurrent: $0) } ?? EngineFixture()
    let engine = fixture.engine()
    let context = fixture.text(100)
    _ = try await engine.answer(ServingRequest(GenerationRequest(tokens: context, limit: 1)))
    for adapter in fixture.adapters.prefix(3) {
      let request = GenerationRequest(tokens: context + [7, 9, 7], adapter: adapter, limit: 3)
      #expect(try await engine.answer(ServingRequest(request)).reusedCount == 100)
    }
  }

  /// Requests that come at the same time compute what they share once.
  @Test(arguments: [nil, "granite-hybrid"])
  func aRequestWaitsForAPromptThatItSharesInsteadOfComputingItAgain(recurrent: String?) async throws {
    let fixture = try recurrent.map { try EngineFixture(recurrent: $0) } ?? EngineFixture()
    let engine = fixture.engine()
    let context = fixture.text(900)
    let counts = try await withThrowingTaskGroup(of: Int.self) { group in
      for number in 0..<4 {
        group.addTask {
          let request = GenerationRequest(tokens: context + [number], limit: 2)
          return try await engine.answer(ServingRequest(request)).reusedCount
        }
      }
      return try await group.reduce(into: []) { $0.append($1) }
    }
    #expect(counts.sorted() == [0, 900, 900, 900])
  }

  @Test func aLongPromptDoesntStopTheOthers() async throws {
    let fixture = try EngineFixture()
    var limits = ServingEngine.Limits()
    limits.sharedChunkCount = 32
    let engine = fixture.engine(limits)
    let talker = try await engine.submit(ServingRequest(GenerationRequest(tokens: [1, 2, 3], limit: 100_000)))
    var events = talker.events.makeAsyncIterator()
    while case .began? = try await events.next() {}
    let before = await engine.snapshot.generatedTokenCount
    _ = try await engine.answer(ServingRequest(GenerationRequest(tokens: fixture.text(2000), limit: 1)))
    // One token for each part of the prompt, at least.
    #expect(await engine.snapshot.generatedTokenCount - before >= 2000 / 32)
    await engine.finish(talker)
    #expect(await engine.snapshot.activeCount == 0)
  }

  /// Of two prompts, the short one doesn't wait for the long one, which ends all the same.
  @Test func aShortPromptDoesntWaitForALongOne() async throws {
    let fixture = try EngineFixture()
    let engine = fixture.engine()
    let long = try await engine.submit(ServingRequest(GenerationRequest(tokens: fixture.text(6000), limit: 1)))
    let short = try await engine.answer(ServingRequest(GenerationRequest(tokens: fixture.text(5, seed: 1), limit: 1)))
    #expect(short.end == .limit)
    #expect(await engine.snapshot.activeCount == 1)
    var kinds: [String] = []
    for try await event in long.events {
      switch event {
      case .began: kinds.append("began")
      case .token: kinds.append("token")
      case .ended: kinds.append("ended")
      }
    }
    #expect(kinds == ["began", "token", "ended"])
  }

  @Test func aFullQueueRefusesAndTakesAgainLater() async throws {
    let fixture = try EngineFixture()
    var limits = ServingEngine.Limits()
    limits.activeCount = 1
    limits.waitingCount = 2
    let engine = fixture.engine(limits)
    let endless = ServingRequest(GenerationRequest(tokens: [1, 2, 3], limit: 100_000))
    var tickets = [try await engine.submit(endless)]
    while await engine.snapshot.activeCount == 0 { await Task.yield() }
    for _ in 0..<2 { tickets.append(try await engine.submit(endless)) }
    await #expect(throws: ServingRefusal.queueIsFull(retrySeconds: 1)) { _ = try await engine.submit(endless) }
    #expect(await engine.snapshot.refusedCount == 1)
    for ticket in tickets { await engine.finish(ticket) }
    let request = ServingRequest(GenerationRequest(tokens: [1, 2, 3], limit: 1))
    #expect(try await engine.answer(request).tokens.count == 1)
  }

  @Test func aRequestThatTakesTooLongEndsWithAnError() async throws {
    let fixture = try EngineFixture()
    var limits = ServingEngine.Limits()
    limits.seconds = 0.05
    let engine = fixture.engine(limits)
    let endless = ServingRequest(GenerationRequest(tokens: [1, 2, 3], limit: 1_000_000))
    await #expect(throws: ServingRefusal.tookTooLong) { _ = try await engine.answer(endless) }
    #expect(await engine.snapshot.expiredCount == 1)
  }

  @Test func whoStopsReadingEndsTheRequest() async throws {
    let fixture = try EngineFixture()
    let engine = fixture.engine()
    for try await event in try await engine.submit(
      ServingRequest(GenerationRequest(tokens: [1, 2, 3], limit: 1_000_000))
    ).events {
      if case .token = event { break }
    }
    while await engine.snapshot.cancelledCount == 0 { try await Task.sleep(for: .milliseconds(1)) }
    #expect(await engine.snapshot.activeCount == 0)
  }

  @Test func anEngineThatEndsFinishesWhatItHasAndTakesNoMore() async throws {
    let fixture = try EngineFixture()
    let engine = fixture.engine()
    let ticket = try await engine.submit(ServingRequest(fixture.request(1, limit: 100)))
    // A busy machine takes its time.
    async let isDone = engine.drain(seconds: 3600)
    while await !engine.isShuttingDown { await Task.yield() }
    await #expect(throws: ServingRefusal.shuttingDown) {
      _ = try await engine.submit(ServingRequest(fixture.request(2)))
    }
    var count = 0
    for try await event in ticket.events { if case .token = event { count += 1 } }
    #expect(count == 100)
    #expect(await isDone)
  }

  @Test func whatIsntFinishedInTimeIsToldSo() async throws {
    let fixture = try EngineFixture()
    let engine = fixture.engine()
    let ticket = try await engine.submit(ServingRequest(GenerationRequest(tokens: [1], limit: 1_000_000)))
    #expect(await !engine.drain(seconds: 0.05))
    await engine.abort()
    await #expect(throws: ServingRefusal.shuttingDown) { for try await _ in ticket.events {} }
  }

  @Test func aRequestThatCantBeComputedEndsAlone() async throws {
    let fixture = try EngineFixture()
    let engine = fixture.engine()
    async let good = engine.answer(ServingRequest(fixture.request(3)))
    await #expect(throws: InferenceError.self) {
      _ = try await engine.answer(ServingRequest(GenerationRequest(tokens: [1, 1_000_000], limit: 3)))
    }
    #expect(try await good.tokens.map(\.token) == fixture.alone(fixture.request(3)).tokens)
    #expect(await engine.snapshot.failedCount == 1)
  }

  /// A schema of numbers with five digits. Only the even tokens are digits.
  private func fiveDigits(_ fixture: EngineFixture) throws -> SchemaText {
    let tokens = (0..<fixture.model.vocabularySize).map {
      $0.isMultiple(of: 2) && $0 < 20 ? Array("\($0 / 2)".utf8) : []
    }
    let schema = try CompiledSchema(text: Array(#"{"type":"integer","minimum":10000,"maximum":99999}"#.utf8))
    return try SchemaText(SchemaMasks(schema, SchemaVocabulary(tokens, endTokens: [])))
  }

  @Test func aSchemaDecidesTheTextButNotItsProbabilities() async throws {
    let fixture = try EngineFixture()
    let engine = fixture.engine()
    var request = ServingRequest(GenerationRequest(tokens: fixture.text(20), limit: 50))
    request.alternativeCount = 3
    let free = try await engine.answer(request)
    request.generation.schema = try fiveDigits(fixture)
    let answers = try await [engine.answer(request), engine.answer(request)]
    let alone = try fixture.alone(request.generation).tokens
    for answer in answers {
      #expect(answer.tokens.count == 5 && answer.end == .complete)
      #expect(answer.tokens.map(\.token) == alone)
      #expect(answer.tokens.allSatisfy { $0.token.isMultiple(of: 2) })
      // The first distribution is the same with and without it.
      #expect(answer.tokens[0].alternatives == free.tokens[0].alternatives)
    }
  }
}
