internal import AloraGeneration
internal import AloraJSON
internal import AloraServing
internal import HTTPTypes

/// `/v1/completions`: texts as they are, one or several.
///
/// Source: OpenAI's API reference, "Create completion".
struct TextCompletions: CompletionForm {
  let state: ServerState
  let objectName = "text_completion"
  let streamObjectName = "text_completion"
  let idPrefix = "cmpl"

  func questions(_ fields: RequestFields) throws -> [Question] {
    try fields.refusePenalties()
    try fields.refuseForms()
    try fields.refuse("suffix") { try $0.kind == .string && $0.string().isEmpty }
    try fields.refuse("echo") { try !$0.boolean() }
    try fields.refuse("best_of") { try $0.integer() == 1 }
    let adapter = try state.adapter(fields)
    let limit = try fields.integer("max_tokens", in: 0...Int.max) ?? 16
    let count = try fields.integer("n", in: 1...state.options.choiceLimit) ?? 1
    let alternatives = try fields.integer("logprobs", in: 0...20)
    let prompts = try prompts(fields)
    guard prompts.count * count <= 64 else {
      throw ServerError(.badRequest, "more than 64 answers to one request", code: "invalid_value", parameter: "prompt")
    }
    return try prompts.flatMap { tokens in
      var question = try state.question(
        tokens: tokens, adapter: adapter, fields: fields, limit: limit, temperature: 1, isChat: false)
      question.alternativeCount = alternatives
      return state.repeated(question, count: count)
    }
  }

  /// One text, several, the tokens of one, or the tokens of several.
  private func prompts(_ fields: RequestFields) throws -> [[Int]] {
    guard let value = try fields["prompt"] else {
      throw ServerError(.badRequest, "'prompt' is missing", code: "missing", parameter: "prompt")
    }
    if value.kind == .string { return [try state.encoder.tokenizer.encode(value.string())] }
    guard value.kind == .array else { throw fields.wrong("prompt", "a string, a list of strings, or tokens") }
    let elements = try value.elements()
    guard let first = elements.first else { throw fields.wrong("prompt", "a list that isn't empty") }
    let range = 0...max(0, state.model.vocabularySize - 1)
    if first.kind == .integer { return [try value.integers(in: range)] }
    return try elements.map { element in
      element.kind == .string
        ? try state.encoder.tokenizer.encode(element.string()) : try element.integers(in: range)
    }
  }

  func choice(_ index: Int, _ answer: Answer) -> JSONValue {
    [
      "index": .integer(index), "text": .string(answer.served.text),
      "logprobs": logProbabilities(answer.served.pieces, answer.question, first: 0) ?? .null,
      "finish_reason": .string(answer.finishReason),
    ]
  }

  func firstChunk(_ index: Int) -> JSONValue? { nil }

  func chunk(_ index: Int, _ pieces: [ServedText.Piece], _ question: Question) -> JSONValue {
    .members([
      "index": .integer(index), "text": .string(pieces.map(\.text).joined()),
      "logprobs": logProbabilities(pieces, question, first: 0), "finish_reason": .null,
    ])
  }

  func lastChunk(_ index: Int, _ answer: Answer) -> JSONValue {
    ["index": .integer(index), "text": "", "logprobs": .null, "finish_reason": .string(answer.finishReason)]
  }

  /// - Parameter first: how many characters come before.
  private func logProbabilities(_ pieces: [ServedText.Piece], _ question: Question, first: Int) -> JSONValue? {
    guard question.alternativeCount != nil else { return nil }
    var offsets: [JSONValue] = []
    var offset = first
    for piece in pieces {
      offsets.append(.integer(offset))
      offset += piece.text.unicodeScalars.count
    }
    return [
      "tokens": .array(pieces.map { .string($0.text) }),
      "token_logprobs": .array(pieces.map { .number($0.token.logProbability ?? 0) }),
      "top_logprobs": .array(
        pieces.map { piece in
          // Two tokens may have the same text: the more probable one is told.
          var names: Set<String> = []
          return .object(
            piece.token.alternatives.compactMap { alternative in
              let text = state.text(of: alternative.token)
              return names.insert(text).inserted ? .init(text, .number(alternative.logProbability)) : nil
            })
        }),
      "text_offset": .array(offsets),
    ]
  }
}
