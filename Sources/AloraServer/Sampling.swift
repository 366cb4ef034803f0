internal import AloraGeneration
internal import AloraModels
internal import AloraInference
internal import AloraJSON
internal import AloraServing
internal import AloraSystem
internal import HTTPTypes

extension SamplingOptions {
  /// What the APIs sample by if a request says nothing.
  ///
  /// Source: OpenAI's API reference; llama.cpp's tools/server/README.md; Ollama's docs/modelfile.mdx.
  static let openAI = SamplingOptions(temperature: 1)
  static let llamaServer = SamplingOptions(
    temperature: 0.8, topCount: 40, topProbability: 0.95, minimumProbability: 0.05)
  static let ollama = SamplingOptions(temperature: 0.8, topCount: 40, topProbability: 0.9)
}

extension RequestFields {
  /// How tokens are chosen.
  ///
  /// - Parameter defaults: for members that the request lacks.
  func sampling(_ defaults: SamplingOptions) throws -> SamplingOptions {
    let count = try integer("top_k", in: -1...Int.max)
    return SamplingOptions(
      temperature: try number("temperature", in: 0...100) ?? defaults.temperature,
      topCount: count.map { $0 < 1 ? nil : $0 } ?? defaults.topCount,
      topProbability: try number("top_p", in: 0...1) ?? defaults.topProbability,
      minimumProbability: try number("min_p", in: 0...1) ?? defaults.minimumProbability)
  }

  /// The request's seed. Without one, or with -1 as llama-server's clients write it, every request gets another one.
  func seed() throws -> UInt64 {
    guard let value = try integer("seed", in: Int.min...Int.max), value != -1 else { return .random(in: 0...(.max)) }
    return UInt64(bitPattern: Int64(value))
  }
}

/// What each API has of its own about a question.
struct QuestionRules {
  var defaults: SamplingOptions
  /// Whether the chat template's end of a turn ends the answer.
  var isChat: Bool
  /// The most tokens that the request wants; nil: as many as are allowed.
  var limit: Int?
  var form = AnswerForm.anyText
}

extension ServerState {
  /// The adapter that a prompt switches on by itself, if the model is a Granite Switch; otherwise the given one. And where
  /// it becomes active.
  ///
  /// - Throws: ``ServerError`` if it isn't the adapter that the request names, or the prompt switches on several.
  private func chosen(_ choice: AdapterChoice, by tokens: [Int]) throws -> (choice: AdapterChoice, start: Int?) {
    let asked = choice.isRequested ? choice.named : nil
    let adapters = registry.adapters
    do throws(GenerationError) {
      guard let controlTokens = model.source.controlTokens,
        let found = try controlTokens.adapter(
          of: tokens, asked: asked?.adapter, name: asked?.name, among: adapters.map { ($0.name, $0.adapter) })
      else { return (choice, choice.named.flatMap { $0.adapter.activationStart(in: tokens) }) }
      // The request's own choice may have a scale.
      let named = asked ?? adapters.first { $0.name == found.name }
      return (AdapterChoice(named: named, isRequested: named != nil), found.start)
    } catch {
      throw ServerError(.badRequest, error.problem, code: "control_tokens", parameter: "prompt")
    }
  }

  /// The question that a prompt and a request's fields make.
  ///
  /// - Throws: ``ServerError``, also if the prompt doesn't activate the adapter that the request names.
  func question(tokens: [Int], adapter: AdapterChoice, fields: RequestFields, _ rules: QuestionRules) throws -> Question
  {
    let (adapter, start) = try chosen(adapter, by: tokens)
    guard !tokens.isEmpty else {
      throw ServerError(.badRequest, "the prompt has no tokens", code: "empty_prompt", parameter: "prompt")
    }
    try contextLimit.check(tokens.count, name: "the prompt")
    let wanted = min(rules.limit ?? settings.answerLimit, settings.answerLimit)
    var generation = GenerationRequest(
      tokens: tokens, adapter: adapter.named?.adapter, activationStart: start,
      limit: contextLimit.room(after: tokens.count, wanted: wanted))
    var question = Question(generation: generation, adapter: adapter.named)
    if let named = adapter.named, generation.activationStart == nil {
      guard !adapter.isRequested else {
        use.addMissedActivation(of: named.name)
        throw ServerError(
          .badRequest,
          "the prompt doesn't contain the invocation of the adapter '\(named.name)', so nothing would activate it",
          code: "invocation_not_found", parameter: "prompt")
      }
      question.adapter = nil
      generation.adapter = nil
    }
    generation.sampling = try fields.sampling(rules.defaults)
    generation.seed = try fields.seed()
    if try !(fields.flag("ignore_eos") ?? false) { generation.endTokens = rules.isChat ? chatEndTokens : endTokens }
    if let more = try fields["stop_token_ids"] {
      generation.endTokens.formUnion(try more.integers(in: tokenRange))
    }
    if let controlTokens = model.source.controlTokens {
      generation.endTokens.formUnion(controlTokens.endTokens(of: generation.adapter))
    }
    question.generation = generation
    question.form = rules.form
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
