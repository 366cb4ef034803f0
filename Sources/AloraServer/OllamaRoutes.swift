internal import AloraGeneration
internal import AloraInference
internal import AloraJSON
internal import AloraModels
internal import AloraServing
internal import AloraSystem
internal import AloraTokenization
internal import HTTPTypes
internal import Hummingbird

/// What Ollama's clients call. Adapters are models of their own, by their names.
///
/// Source: Ollama's docs/api.md.
struct OllamaRoutes: Sendable {
  let state: ServerState

  func add(to router: Router<ServerContext>) {
    router.get("api/version") { _, _ in Response.json(["version": .string(state.settings.version)]) }
    router.get("api/tags") { _, _ in Response.json(["models": models(isRunning: false)]) }
    router.get("api/ps") { _, _ in Response.json(["models": models(isRunning: true)]) }
    router.post("api/chat") { request, context in try await answer(request, context, isChat: true) }
    router.post("api/generate") { request, context in try await answer(request, context, isChat: false) }
    router.post("api/show") { request, _ in try await show(request) }
  }

  private func details() -> JSONValue {
    [
      "format": "gguf", "family": .string(state.model.graph.base.architectureName),
      "families": .array([.string(state.model.graph.base.architectureName)]),
      "parameter_size": "", "quantization_level": "", "parent_model": "",
    ]
  }

  private func models(isRunning: Bool) -> JSONValue {
    let names = state.registry.baseNames + state.registry.adapters.map(\.name)
    return .array(
      names.map { name in
        let full = name.contains(":") ? name : "\(name):latest"
        return .members([
          "name": .string(full), "model": .string(full), "size": .integer(state.model.fileByteCount), "digest": "",
          "modified_at": isRunning ? nil : .string(WallClock.text(state.created)),
          "expires_at": isRunning ? .string("2999-01-01T00:00:00Z") : nil,
          "size_vram": isRunning ? 0 : nil, "details": details(),
        ])
      })
  }

  private func show(_ request: Request) async throws -> Response {
    let (_, fields) = try await state.fields(of: request)
    let adapter = try (fields.string("model") ?? fields.string("name")).flatMap { try state.registry.resolve($0) }
    // It shows clients which models are adapters, and their base.
    let modelfile = "FROM \(state.registry.baseName)\n" + (adapter.map { "ADAPTER \($0.name)\n" } ?? "")
    return .json([
      "modelfile": .string(modelfile), "parameters": "", "template": .string(""), "details": details(),
      "model_info": ["general.architecture": .string(state.model.graph.base.architectureName)],
      "capabilities": ["completion"],
    ])
  }

  func question(_ fields: RequestFields, isChat: Bool) throws -> Question {
    let options = try fields.fields("options") ?? RequestFields(Array("{}".utf8))
    try Refusals.check(sampling: options)
    try Refusals.check(ollama: fields)
    let name = try fields.required("model").string()
    let adapter = AdapterChoice(named: try state.registry.resolve(name), isRequested: true)
    var frame = ChatFrame()
    frame.tools = try fields.tools()
    let messages: [JSONValue]
    if isChat {
      messages = try fields.messages()
    } else {
      frame.system = try fields.string("system")
      messages = [ChatMessages.message("user", try fields.string("prompt") ?? "")]
    }
    let isRaw = try !isChat && fields.flag("raw") ?? false
    let prompt = isRaw ? try fields.string("prompt") ?? "" : ""
    let tokens = try state.tokens { [frame] encoder in
      isRaw
        ? try encoder.tokenizer.encode(prompt)
        : try encoder.tokens(of: messages, frame: frame, invocation: adapter.invocation, slot: adapter.slot)
    }
    var rules = QuestionRules(defaults: .ollama, isChat: !isRaw)
    rules.limit = try options.integer("num_predict", in: -2...Int.max).flatMap { $0 < 0 ? nil : $0 }
    rules.form = try fields.ollamaForm()
    var question = try state.question(tokens: tokens, adapter: adapter, fields: options, rules)
    if try fields.flag("logprobs") ?? false {
      question.alternativeCount = try fields.integer("top_logprobs", in: 0...20) ?? 0
    }
    return question
  }

  private func answer(_ request: Request, _ context: ServerContext, isChat: Bool) async throws -> Response {
    let (request, fields) = try await state.fields(of: request)
    let question = try question(fields, isChat: isChat)
    let name = try fields.string("model") ?? ""
    let start = MonotonicClock.nanoseconds
    if try fields.flag("stream") ?? true {
      let events = try await state.stream([question])
      return .lineStream(state.source(request, context)) { send in
        for try await (_, event) in events {
          switch event {
          case .began: break
          case .pieces(let pieces):
            let text = pieces.map(\.text).joined()
            try await send(.object(part(name, text, isChat, pieces, question) + [.init("done", false)]))
          case .ended(let answer):
            try await send(.object(part(name, "", isChat, [], question) + summary(answer, since: start)))
          }
        }
      }
    }
    return try await .json(to: request) {
      guard let answer = try await state.answers([question]).first else { return .null }
      return .object(
        part(name, answer.served.text, isChat, answer.served.pieces, question) + summary(answer, since: start))
    }
  }

  private func part(
    _ model: String, _ text: String, _ isChat: Bool, _ pieces: [ServedText.Piece], _ question: Question
  ) -> [JSONValue.Member] {
    var members: [JSONValue.Member] = [
      .init("model", .string(model)), .init("created_at", .string(WallClock.text(WallClock.seconds))),
    ]
    members.append(
      isChat
        ? .init("message", ["role": "assistant", "content": .string(text)]) : .init("response", .string(text)))
    if question.alternativeCount != nil, !pieces.isEmpty {
      members.append(.init("logprobs", .array(pieces.map(\.logProbabilities))))
    }
    return members
  }

  private func summary(_ answer: Answer, since start: Int) -> [JSONValue.Member] {
    [
      .init("done", true), .init("done_reason", .string(answer.finishReason)),
      .init("total_duration", .integer(MonotonicClock.nanoseconds - start)), .init("load_duration", 0),
      .init("prompt_eval_count", .integer(answer.question.generation.tokens.count)),
      .init("eval_count", .integer(answer.served.tokenCount)), .init("alora", state.extras(answer)),
    ]
  }
}
