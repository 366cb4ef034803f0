internal import AloraGeneration
internal import AloraJSON
internal import HTTPTypes

extension RequestFields {
  /// How tokens are chosen.
  ///
  /// - Parameter temperature: of a request that names none.
  func sampling(temperature: Double) throws -> SamplingOptions {
    SamplingOptions(
      temperature: try number("temperature", in: 0...100) ?? temperature,
      topCount: try integer("top_k", in: -1...1_000_000).flatMap { $0 < 1 ? nil : $0 },
      topProbability: try number("top_p", in: 0...1), minimumProbability: try number("min_p", in: 0...1))
  }

  /// The seed; the same request without one always has the same answer.
  func seed() throws -> UInt64 {
    guard let value = try integer("seed", in: Int.min...Int.max) else { return 0 }
    // llama-server and Ollama write -1 for any.
    return UInt64(bitPattern: Int64(value))
  }

  /// What would change probabilities in a way that this engine doesn't know.
  func refusePenalties() throws {
    func isZero(_ value: JSON) throws -> Bool {
      value.kind == .integer ? try value.integer() == 0 : value.kind == .number ? try value.number() == 0 : false
    }
    func isOne(_ value: JSON) throws -> Bool {
      value.kind == .integer ? try value.integer() == 1 : value.kind == .number ? try value.number() == 1 : false
    }
    for name in ["frequency_penalty", "presence_penalty", "mirostat", "dynatemp_range", "xtc_probability"] {
      try refuse(name, unless: isZero)
    }
    for name in ["repetition_penalty", "repeat_penalty", "typical_p", "length_penalty"] { try refuse(name, unless: isOne) }
    try refuse("logit_bias") { value in
      value.kind == .object ? try value.members().isEmpty : value.kind == .array ? try value.elements().isEmpty : false
    }
    for name in ["use_beam_search", "ignore_eos"] { try refuse(name) { try $0.kind == .boolean && !$0.boolean() } }
  }

  /// What limits the form of the answer.
  func refuseForms() throws {
    for name in ["guided_json", "guided_regex", "guided_choice", "guided_grammar", "structured_outputs", "grammar", "json_schema"] {
      try refuse(name) { $0.kind == .string ? try $0.string().isEmpty : $0.kind == .object ? try $0.members().isEmpty : false }
    }
    try refuse("response_format") { value in
      guard value.kind == .object else { return false }
      return try RequestFields(value).string("type") == "text"
    }
  }
}

extension ServerState {
  /// How many tokens an answer may have.
  func limit(_ wanted: Int?, after promptCount: Int) -> Int {
    contextLimit.room(after: promptCount, wanted: min(wanted ?? options.answerLimit, options.answerLimit))
  }

  /// The question that a prompt and a request's fields make.
  ///
  /// - Parameter needsActivation: whether an aLoRA has to become active: it does where a client names it.
  func question(
    tokens: [Int], adapter: NamedAdapter?, fields: RequestFields, limit wanted: Int?, temperature: Double, isChat: Bool
  ) throws -> Question {
    guard !tokens.isEmpty else { throw ServerError(.badRequest, "the prompt has no tokens", code: "empty_prompt", parameter: "prompt") }
    try contextLimit.check(tokens.count, name: "the prompt")
    var generation = GenerationRequest(
      tokens: tokens, adapter: adapter?.adapter, limit: limit(wanted, after: tokens.count))
    if let adapter, generation.activationStart == nil {
      throw ServerError(
        .badRequest,
        "the prompt doesn't contain the invocation of the adapter '\(adapter.name)', so that nothing would activate it",
        code: "invocation_not_found", parameter: "prompt")
    }
    generation.sampling = try fields.sampling(temperature: temperature)
    generation.seed = try fields.seed()
    generation.endTokens = isChat ? chatEndTokens : endTokens
    var question = Question(generation: generation, adapter: adapter)
    question.stopTexts = try fields.strings("stop", limit: 16)
    return question
  }

  /// The same question for each of several answers, which differ by their seeds.
  func repeated(_ question: Question, count: Int) -> [Question] {
    (0..<count).map { index in
      var copy = question
      copy.generation.seed &+= UInt64(index)
      return copy
    }
  }
}
