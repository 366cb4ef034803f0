internal import AloraGeneration
internal import AloraInference
internal import AloraJSON
internal import AloraServing
internal import AloraTensors
internal import AloraTokenization
internal import HTTPTypes

/// A request, understood: one prompt, and how to go on with it.
struct Question: Sendable {
  var generation: GenerationRequest
  var adapter: NamedAdapter?
  /// What the answer has to be; ``ServerState/stream(_:)`` compiles it.
  var form = AnswerForm.anyText
  var stopTexts: [String] = []
  var alternativeCount: Int?
  /// Whether log-probabilities name tokens by number, as `token_id:7`, because a text can mean several.
  var namesTokensByNumber = false
  var wantsDigest = false
  /// Whether the answer lists its tokens: ``TokenTrace``.
  var wantsTokens = false
}

/// What the engine made of a question.
struct Answer: Sendable {
  let question: Question
  let served: ServedText

  var finishReason: String {
    switch served.finish {
    case .endToken, .stopText, .complete: "stop"
    case .limit, nil: "length"
    }
  }
}

/// A part of one of several answers, as it comes.
enum AnswerEvent: Sendable {
  /// - Parameter reusedCount: how many of the prompt's tokens came from the cache.
  case began(reusedCount: Int)
  case pieces([ServedText.Piece])
  case ended(Answer)
}

extension ServerState {
  /// Answers questions at the same time.
  ///
  /// - Returns: parts of the answers with their questions' indices, each answer's in order.
  /// - Throws: ``ServingRefusal``, ``SchemaError``, before anything is computed.
  func stream(_ questions: [Question]) async throws -> AsyncThrowingStream<(index: Int, event: AnswerEvent), any Error>
  {
    var requests: [ServingRequest] = []
    for question in questions {
      var generation = question.generation
      generation.schema = try await schema(question.form)
      var request = ServingRequest(generation)
      request.alternativeCount = question.alternativeCount
      request.wantsDigest = question.wantsDigest
      requests.append(request)
    }
    var tickets: [ServingTicket] = []
    for request in requests { tickets.append(try await engine.submit(request)) }
    let (result, continuation) = AsyncThrowingStream<(index: Int, event: AnswerEvent), any Error>.makeStream()
    let tokenizer = encoder.tokenizer
    let task = Task { [tickets] in
      do {
        try await withThrowingTaskGroup(of: Void.self) { group in
          for (index, (question, ticket)) in zip(questions, tickets).enumerated() {
            group.addTask {
              var served = ServedText(tokenizer, request: question.generation, stopTexts: question.stopTexts)
              for try await event in ticket.events {
                let pieces = try served.take(event)
                if case .began(let count, _) = event { continuation.yield((index, .began(reusedCount: count))) }
                if !pieces.isEmpty { continuation.yield((index, .pieces(pieces))) }
                if served.finish != nil {
                  // It may go on after a stop text.
                  await engine.finish(ticket)
                  break
                }
              }
              try Task.checkCancellation()
              let answer = Answer(question: question, served: served)
              use.add(answer)
              continuation.yield((index, .ended(answer)))
            }
          }
          try await group.waitForAll()
        }
        continuation.finish()
      } catch { continuation.finish(throwing: error) }
    }
    continuation.onTermination = { _ in task.cancel() }
    return result
  }

  /// Answers questions, and waits for the last.
  func answers(_ questions: [Question]) async throws -> [Answer] {
    var answers: [Answer?] = questions.map { _ in nil }
    for try await (index, event) in try await stream(questions) {
      if case .ended(let answer) = event { answers[index] = answer }
    }
    return answers.compactMap { $0 }
  }

  /// What an answer says besides what its API knows.
  ///
  /// - Parameter tokens: ``TokenTrace``'s.
  func extras(_ answer: Answer, tokens: [JSONValue]? = nil) -> JSONValue {
    .members([
      "adapter": answer.question.adapter.map { .string($0.name) } ?? .null,
      "activation_start": answer.question.generation.activationStart.map { .integer($0) } ?? .null,
      "cached_tokens": .integer(answer.served.reusedCount),
      "seed": answer.question.generation.sampling.temperature > 0
        ? .string("\(answer.question.generation.seed)") : nil,
      "logits_digest": answer.served.digest.map { .string($0.description) },
      "tokens": tokens.map { .array($0) },
    ])
  }

  /// OpenAI's account of tokens.
  func usage(_ answers: [Answer]) -> JSONValue {
    // Several answers to one prompt count it once.
    var prompts: [[Int]: Int] = [:]
    for answer in answers {
      let tokens = answer.question.generation.tokens
      prompts[tokens] = max(prompts[tokens] ?? 0, answer.served.reusedCount)
    }
    let promptCount = prompts.keys.reduce(0) { $0 + $1.count }
    let count = answers.reduce(0) { $0 + $1.served.tokenCount }
    return [
      "prompt_tokens": .integer(promptCount), "completion_tokens": .integer(count),
      "total_tokens": .integer(promptCount + count),
      "prompt_tokens_details": ["cached_tokens": .integer(prompts.values.reduce(0, +))],
    ]
  }
}
