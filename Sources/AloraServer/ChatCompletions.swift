internal import AloraGeneration
internal import AloraInference
internal import AloraJSON
internal import AloraServing
internal import HTTPTypes

/// `/v1/chat/completions`, as OpenAI describes it; what vLLM adds (`documents`, `chat_template_kwargs`) too.
///
/// Source: OpenAI's API reference, "Create chat completion"; vLLM's "Extra parameters for Chat Completions".
struct ChatCompletions: CompletionForm {
  let state: ServerState
  let objectName = "chat.completion"
  let streamObjectName = "chat.completion.chunk"
  let idPrefix = "chatcmpl"

  func questions(_ fields: RequestFields) throws -> [Question] {
    try Refusals.check(sampling: fields)
    try Refusals.check(chat: fields)
    let messages = try fields.messages()
    var frame = ChatFrame()
    frame.tools = try fields.tools()
    var adapterName: String?
    if let variables = try fields.fields("chat_template_kwargs") {
      adapterName = try variables.string("adapter_name")
      for (name, value) in try variables.root.members() where name != "adapter_name" {
        frame.variables.append(.init(name, try JSONValue(value)))
      }
    }
    if let documents = try fields["documents"] {
      frame.variables.removeAll { $0.name == "documents" }
      frame.variables.append(.init("documents", try JSONValue(documents)))
    }
    let adapter = try state.adapter(fields, adapterName: adapterName)
    let tokens = try state.tokens { [frame] encoder in
      try encoder.tokens(of: messages, frame: frame, invocation: adapter.invocation, slot: adapter.slot)
    }
    var rules = QuestionRules(defaults: .openAI, isChat: true)
    rules.limit =
      try fields.integer("max_completion_tokens", in: 1...Int.max) ?? fields.integer("max_tokens", in: 1...Int.max)
    rules.form = try fields.form()
    var question = try state.question(tokens: tokens, adapter: adapter, fields: fields, rules)
    if try fields.flag("logprobs") ?? false {
      question.alternativeCount = try fields.integer("top_logprobs", in: 0...20) ?? 0
    }
    return state.repeated(question, count: try fields.integer("n", in: 1...state.settings.choiceLimit) ?? 1)
  }

  func choice(_ index: Int, _ answer: Answer) -> JSONValue {
    .members([
      "index": .integer(index),
      "message": ["role": "assistant", "content": .string(answer.served.text)],
      "logprobs": logProbabilities(answer.served.pieces, answer.question) ?? .null,
      "finish_reason": .string(answer.finishReason),
    ])
  }

  func firstChunk(_ index: Int) -> JSONValue? { chunk(index, ["role": "assistant", "content": ""]) }

  func chunk(_ index: Int, _ pieces: [ServedText.Piece], _ question: Question) -> JSONValue {
    .members([
      "index": .integer(index), "delta": ["content": .string(pieces.map(\.text).joined())],
      "logprobs": logProbabilities(pieces, question), "finish_reason": .null,
    ])
  }

  func lastChunk(_ index: Int, _ answer: Answer) -> JSONValue {
    ["index": .integer(index), "delta": .object([]), "finish_reason": .string(answer.finishReason)]
  }

  private func chunk(_ index: Int, _ delta: JSONValue) -> JSONValue {
    ["index": .integer(index), "delta": delta, "finish_reason": .null]
  }

  private func logProbabilities(_ pieces: [ServedText.Piece], _ question: Question) -> JSONValue? {
    question.alternativeCount == nil ? nil : ["content": .array(pieces.map(\.logProbabilities))]
  }
}

extension ServedText.Piece {
  /// The log-probabilities of a token and its alternatives, as OpenAI and Ollama have them.
  var logProbabilities: JSONValue {
    func entry(_ text: String, _ logProbability: Double?, _ more: [JSONValue.Member] = []) -> JSONValue {
      .object(
        [
          .init("token", .string(text)), .init("logprob", .number(logProbability ?? 0)),
          .init("bytes", .array(text.utf8.map { .integer(Int($0)) })),
        ] + more)
    }
    let alternatives = zip(alternativeTexts, token.alternatives).map { entry($0, $1.logProbability) }
    return entry(text, token.logProbability, [.init("top_logprobs", .array(alternatives))])
  }
}
