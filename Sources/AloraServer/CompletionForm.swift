internal import AloraGeneration
internal import AloraJSON
internal import AloraServing
internal import AloraSystem
internal import AloraTokenization
internal import HTTPTypes
internal import Hummingbird

/// One of OpenAI's two forms of requests and answers.
protocol CompletionForm: Sendable {
  var state: ServerState { get }
  var objectName: String { get }
  var streamObjectName: String { get }
  var idPrefix: String { get }

  func questions(_ fields: RequestFields) throws -> [Question]
  func choice(_ index: Int, _ answer: Answer) -> JSONValue
  /// What comes before the first piece.
  func firstChunk(_ index: Int) -> JSONValue?
  func chunk(_ index: Int, _ pieces: [ServedText.Piece], _ question: Question) -> JSONValue
  func lastChunk(_ index: Int, _ answer: Answer) -> JSONValue
}

extension ServerState {
  func source(_ request: Request, _ context: ServerContext) -> StreamSource {
    StreamSource(request: request, channel: context.channel, writeSeconds: settings.writeSeconds)
  }
}

extension CompletionForm {
  func respond(to request: Request, _ context: ServerContext) async throws -> Response {
    let (request, fields) = try await state.fields(of: request)
    var questions = try questions(fields)
    for index in questions.indices {
      questions[index].wantsDigest = request.wants(.logits)
      questions[index].wantsTokens = request.wants(.tokens)
    }
    let model = try fields.string("model") ?? state.registry.baseName
    if try fields.flag("stream") ?? false {
      let wantsUsage = try fields.fields("stream_options")?.flag("include_usage") ?? false
      return try await stream(questions, state.source(request, context), model: model, wantsUsage: wantsUsage)
    }
    return try await .json(to: request) { [questions] in
      let answers = try await state.answers(questions)
      var members = head(objectName, model: model)
      members.append(.init("choices", .array(answers.enumerated().map(choice))))
      members.append(.init("usage", state.usage(answers)))
      if let first = answers.first {
        let trace = TokenTrace(question: first.question, reusedCount: first.served.reusedCount)
        let tokens =
          first.question.wantsTokens
          ? try trace.prompt(state.encoder.tokenizer) + trace.answer(first.served.pieces, after: 0) : nil
        members.append(.init("alora", state.extras(first, tokens: tokens)))
      }
      return .object(members)
    }
  }

  private func head(_ object: String, model: String) -> [JSONValue.Member] {
    [
      .init("id", .string("\(idPrefix)-\(String(UInt64.random(in: 0...(.max)), radix: 16))")),
      .init("object", .string(object)), .init("created", .integer(WallClock.seconds)), .init("model", .string(model)),
      .init("system_fingerprint", .string("alora-\(state.settings.version)")),
    ]
  }

  private func stream(_ questions: [Question], _ source: StreamSource, model: String, wantsUsage: Bool) async throws
    -> Response
  {
    // Refused before the status is sent.
    let events = try await state.stream(questions)
    let head = head(streamObjectName, model: model)
    return .eventStream(source) { send in
      func chunk(_ choices: [JSONValue], _ more: [JSONValue.Member] = []) -> JSONValue {
        .object(head + [.init("choices", .array(choices))] + more)
      }
      for index in questions.indices {
        if let first = firstChunk(index) { try await send(chunk([first])) }
      }
      var answers: [Answer] = []
      var traces = questions.map { _ in StreamedTrace() }
      for try await (index, event) in events {
        switch event {
        case .began(let count):
          if let tokens = try traces[index].begin(questions[index], count, state.encoder.tokenizer) {
            try await send(chunk([], [.init("alora", ["index": .integer(index), "tokens": .array(tokens)])]))
          }
        case .pieces(let pieces):
          let tokens = traces[index].take(pieces)
          try await send(
            chunk(
              [self.chunk(index, pieces, questions[index])],
              tokens.map { [.init("alora", ["index": .integer(index), "tokens": .array($0)])] } ?? []))
        case .ended(let answer):
          answers.append(answer)
          try await send(chunk([lastChunk(index, answer)], [.init("alora", state.extras(answer))]))
        }
      }
      if wantsUsage { try await send(chunk([], [.init("usage", state.usage(answers))])) }
    }
  }
}
