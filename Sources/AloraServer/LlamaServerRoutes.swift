internal import AloraGeneration
internal import AloraInference
internal import AloraJSON
internal import AloraServing
internal import AloraTokenization
internal import HTTPTypes
internal import Hummingbird

/// What llama-server's clients call.
///
/// Source: llama.cpp's tools/server/README.md (build 11434).
struct LlamaServerRoutes: Sendable {
  let state: ServerState

  func add(to router: Router<ServerContext>) {
    router.post("completion") { request, context in try await completion(request, context) }
    router.post("tokenize") { request, _ in try await tokenize(request) }
    router.post("detokenize") { request, _ in try await detokenize(request) }
    router.post("apply-template") { request, _ in try await applyTemplate(request) }
    router.get("lora-adapters") { _, _ in Response.json(adapters()) }
    router.get("props") { _, _ in Response.json(await properties()) }
    router.get("slots") { _, _ in Response.json(await slots()) }
  }

  private func completion(_ request: Request, _ context: ServerContext) async throws -> Response {
    let (request, fields) = try await state.fields(of: request)
    try Refusals.check(sampling: fields)
    let tokens = try tokens(of: fields.required("prompt"))
    var rules = QuestionRules(defaults: .llamaServer, isChat: false)
    let wanted = try fields.integer("n_predict", in: -2...Int.max) ?? fields.integer("max_tokens", in: -2...Int.max)
    rules.limit = wanted.flatMap { $0 < 0 ? nil : $0 }
    rules.form = try fields.form()
    var question = try state.question(tokens: tokens, adapter: state.adapter(fields), fields: fields, rules)
    question.alternativeCount = try fields.integer("n_probs", in: 0...100).flatMap { $0 == 0 ? nil : $0 }
    question.wantsDigest = request.wantsDigest
    if try fields.flag("stream") ?? false {
      let events = try await state.stream([question])
      return .eventStream(state.source(request, context)) { [question] send in
        for try await (_, event) in events {
          switch event {
          case .pieces(let pieces):
            try await send([
              "index": 0, "content": .string(pieces.map(\.text).joined()),
              "tokens": .array(pieces.map { .integer($0.token.token) }), "stop": false,
              "completion_probabilities": probabilities(pieces, question),
            ])
          case .ended(let answer): try await send(result(answer, content: ""))
          }
        }
      }
    }
    return try await .json(to: request) { [question] in
      try await state.answers([question]).first.map { result($0, content: $0.served.text) } ?? .null
    }
  }

  /// A text; a list of tokens; or a list of both.
  private func tokens(of prompt: JSON) throws -> [Int] {
    func encoded(_ text: JSON, isFirst: Bool) throws -> [Int] {
      let text = try text.string()
      return try state.tokens { try $0.tokenizer.encode(text, addsSpecialTokens: isFirst) }
    }
    if prompt.kind == .string { return try encoded(prompt, isFirst: true) }
    var tokens: [Int] = []
    for (index, element) in try prompt.elements().enumerated() {
      tokens +=
        element.kind == .string
        ? try encoded(element, isFirst: index == 0)
        : [try element.integer(in: state.tokenRange)]
    }
    return tokens
  }

  private func result(_ answer: Answer, content: String) -> JSONValue {
    let (stopType, stopText) =
      switch answer.served.finish {
      case .endToken, .complete: ("eos", "")
      case .stopText(let text): ("word", text)
      case .limit, nil: ("limit", "")
      }
    let count = answer.question.generation.tokens.count
    return [
      "index": 0, "content": .string(content), "stop": true, "model": .string(state.registry.baseName),
      "tokens": .array(answer.served.pieces.map { .integer($0.token.token) }),
      "tokens_predicted": .integer(answer.served.tokenCount), "tokens_evaluated": .integer(count),
      "tokens_cached": .integer(answer.served.reusedCount), "truncated": false, "stop_type": .string(stopType),
      "stopping_word": .string(stopText),
      "completion_probabilities": probabilities(answer.served.pieces, answer.question),
      "timings": [
        "prompt_n": .integer(count - answer.served.reusedCount), "cache_n": .integer(answer.served.reusedCount),
      ],
      "alora": state.extras(answer),
    ]
  }

  private func probabilities(_ pieces: [ServedText.Piece], _ question: Question) -> JSONValue {
    guard question.alternativeCount != nil else { return .array([]) }
    return .array(
      pieces.map { piece in
        [
          "id": .integer(piece.token.token), "token": .string(piece.text),
          "bytes": .array(piece.text.utf8.map { .integer(Int($0)) }),
          "logprob": .number(piece.token.logProbability ?? 0),
          "top_logprobs": .array(
            zip(piece.alternativeTexts, piece.token.alternatives).map { text, alternative in
              [
                "id": .integer(alternative.token), "token": .string(text),
                "bytes": .array(text.utf8.map { .integer(Int($0)) }), "logprob": .number(alternative.logProbability),
              ]
            }),
        ]
      })
  }

  private func tokenize(_ request: Request) async throws -> Response {
    let (_, fields) = try await state.fields(of: request)
    let (text, isWhole) = (try fields.string("content") ?? "", try fields.flag("add_special") ?? false)
    let tokens = try state.tokens { try $0.tokenizer.encode(text, addsSpecialTokens: isWhole) }
    guard try fields.flag("with_pieces") ?? false else {
      return .json(["tokens": .array(tokens.map { .integer($0) })])
    }
    return .json([
      "tokens": .array(tokens.map { ["id": .integer($0), "piece": .string(state.text(of: $0))] })
    ])
  }

  private func detokenize(_ request: Request) async throws -> Response {
    let (_, fields) = try await state.fields(of: request)
    let tokens = try fields["tokens"]?.integers(in: state.tokenRange) ?? []
    return .json(["content": .string(try state.encoder.tokenizer.decode(tokens, skipsSpecialTokens: false))])
  }

  private func applyTemplate(_ request: Request) async throws -> Response {
    let (_, fields) = try await state.fields(of: request)
    var frame = ChatFrame()
    frame.tools = try fields.tools()
    let text = try state.encoder.text(
      of: fields.messages(), frame: frame,
      addsGenerationPrompt: fields.flag("add_generation_prompt") ?? true)
    return .json(["prompt": .string(text)])
  }

  func adapters() -> JSONValue {
    let standing = state.registry.standing
    return .array(
      state.registry.adapters.map { adapter in
        .members([
          "id": .integer(adapter.id), "path": .string(adapter.name),
          "scale": .number(standing?.id == adapter.id ? Double(standing?.scale ?? 0) : 0), "task_name": "",
          "prompt_prefix": "",
          "alora_invocation_tokens": adapter.adapter.invocationTokens.map { .array($0.map { .integer($0) }) },
          "alora_invocation_string": adapter.adapter.invocationTokens.flatMap {
            (try? state.encoder.tokenizer.decode($0, skipsSpecialTokens: false)).map { .string($0) }
          },
        ])
      })
  }

  private func properties() async -> JSONValue {
    [
      "total_slots": .integer(state.engine.limits.activeCount), "model_alias": .string(state.registry.baseName),
      "model_path": .string(state.registry.baseName), "build_info": .string("alora \(state.settings.version)"),
      "default_generation_settings": ["n_ctx": state.contextLimit.length.map { .integer($0) } ?? .null],
      "modalities": ["vision": false, "audio": false],
    ]
  }

  private func slots() async -> JSONValue {
    let snapshot = await state.engine.snapshot
    return .array(
      (0..<state.engine.limits.activeCount).map { index in
        [
          "id": .integer(index), "is_processing": .boolean(index < snapshot.activeCount),
          "n_ctx": state.contextLimit.length.map { .integer($0) } ?? .null,
        ]
      })
  }
}
