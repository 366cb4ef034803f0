internal import AloraGeneration
internal import AloraInference
internal import AloraJSON
internal import AloraServing
internal import AloraTokenization
internal import HTTPTypes

/// `/v1/completions`: texts as they are, one or several.
///
/// Source: OpenAI's API reference, "Create completion"; `return_tokens_as_token_ids` is vLLM's.
struct TextCompletions: CompletionForm {
  let state: ServerState
  let objectName = "text_completion"
  let streamObjectName = "text_completion"
  let idPrefix = "cmpl"

  /// The most answers to one request.
  private static let promptLimit = 64

  func questions(_ fields: RequestFields) throws -> [Question] {
    try Refusals.check(sampling: fields)
    try Refusals.check(text: fields)
    let adapter = try state.adapter(fields)
    var rules = QuestionRules(defaults: .openAI, isChat: false)
    rules.limit = try fields.integer("max_tokens", in: 0...Int.max) ?? 16
    rules.form = try fields.form()
    let count = try fields.integer("n", in: 1...state.settings.choiceLimit) ?? 1
    let alternatives = try fields.integer("logprobs", in: 0...20)
    let namesTokensByNumber = try fields.flag("return_tokens_as_token_ids") ?? false
    let prompts = try prompts(fields)
    guard prompts.count * count <= Self.promptLimit else {
      throw ServerError.wrong("n", "so small that the request has at most \(Self.promptLimit) answers")
    }
    return try prompts.flatMap { tokens in
      var question = try state.question(tokens: tokens, adapter: adapter, fields: fields, rules)
      question.alternativeCount = alternatives
      question.namesTokensByNumber = namesTokensByNumber
      return state.repeated(question, count: count)
    }
  }

  /// One text, several, the tokens of one, or the tokens of several.
  private func prompts(_ fields: RequestFields) throws -> [[Int]] {
    let value = try fields.required("prompt")
    func encoded(_ text: JSON) throws -> [Int] {
      let text = try text.string()
      return try state.tokens { try $0.tokenizer.encode(text) }
    }
    if value.kind == .string { return [try encoded(value)] }
    guard value.kind == .array else { throw ServerError.wrong("prompt", "a string, a list of strings, or tokens") }
    let elements = try value.elements()
    guard let first = elements.first else { throw ServerError.wrong("prompt", "a list that isn't empty") }
    if first.kind == .integer { return [try value.integers(in: state.tokenRange)] }
    guard elements.count <= Self.promptLimit else {
      throw ServerError.wrong("prompt", "at most \(Self.promptLimit) prompts")
    }
    return try elements.map { $0.kind == .string ? try encoded($0) : try $0.integers(in: state.tokenRange) }
  }

  func choice(_ index: Int, _ answer: Answer) -> JSONValue {
    [
      "index": .integer(index), "text": .string(answer.served.text),
      "logprobs": logProbabilities(answer.served.pieces, answer.question) ?? .null,
      "finish_reason": .string(answer.finishReason),
    ]
  }

  func firstChunk(_ index: Int) -> JSONValue? { nil }

  func chunk(_ index: Int, _ pieces: [ServedText.Piece], _ question: Question) -> JSONValue {
    .members([
      "index": .integer(index), "text": .string(pieces.map(\.text).joined()),
      "logprobs": logProbabilities(pieces, question), "finish_reason": .null,
    ])
  }

  func lastChunk(_ index: Int, _ answer: Answer) -> JSONValue {
    ["index": .integer(index), "text": "", "logprobs": .null, "finish_reason": .string(answer.finishReason)]
  }

  private func logProbabilities(_ pieces: [ServedText.Piece], _ question: Question) -> JSONValue? {
    guard question.alternativeCount != nil else { return nil }
    func name(_ token: Int, _ text: String) -> String { question.namesTokensByNumber ? "token_id:\(token)" : text }
    return [
      "tokens": .array(pieces.map { .string(name($0.token.token, $0.text)) }),
      "token_logprobs": .array(pieces.map { .number($0.token.logProbability ?? 0) }),
      "top_logprobs": .array(
        pieces.map { piece in
          // Two tokens may have the same text. The more probable one counts.
          var names: Set<String> = []
          return .object(
            zip(piece.alternativeTexts, piece.token.alternatives).compactMap { text, alternative in
              let name = name(alternative.token, text)
              return names.insert(name).inserted ? .init(name, .number(alternative.logProbability)) : nil
            })
        }),
      "text_offset": .array(pieces.map { .integer($0.offset) }),
    ]
  }
}
