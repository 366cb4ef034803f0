package import AloraInference
internal import AloraJSON
internal import AloraModels
package import AloraSchemas
internal import AloraSystem
internal import AloraTokenization

/// A conversation with a base model and its adapters, on one cache.
package final class RunSession {
  package let generator: Generator
  package let encoder: ConversationEncoder
  package let adapters: [(name: String, adapter: Adapter)]
  package let settings: Settings
  private var history: [Int] = []
  private var messages: [JSONValue] = []

  package struct Settings {
    package var limit: Int
    package var sampling = SamplingOptions.greedy
    package var seed: UInt64 = 0
    package var stopTexts: [String] = []
    package var endTokens: Set<Int> = []
    /// The parts of a chat besides its turns; nil if prompts are plain texts.
    package var frame: ChatFrame?
    package var contextLimit = ContextLimit.none
    /// The schema that every answer has to fit; nil: anything.
    package var schema: SchemaText?

    package init(limit: Int) { self.limit = limit }
  }

  /// A turn that was answered.
  package struct Answer {
    package let adapter: String?
    package let activationStart: Int?
    package let promptTokenCount: Int
    package let generation: Generation
    package let text: String
    package let stopText: String?
    /// Whether the model's context was full before the answer was complete.
    package let filledContext: Bool
  }

  package init(
    generator: Generator, encoder: ConversationEncoder, adapters: [(name: String, adapter: Adapter)], settings: Settings
  ) {
    self.generator = generator
    self.encoder = encoder
    self.adapters = adapters
    self.settings = settings
  }

  /// Opens a session: with the end tokens of the model, and of its template in a chat.
  ///
  /// - Parameters:
  ///   - settings: ``Settings/frame`` says whether it is a chat; end tokens and schema are filled in.
  ///   - ignoresEnd: whether answers go on after their end.
  ///   - schema: what every answer has to fit; nil: anything.
  /// - Throws: what reading the tokenizer, the chat template and the end tokens throws; ``SchemaError``.
  package convenience init(
    _ loaded: LoadedModel, settings: Settings, ignoresEnd: Bool, schema: CompiledSchema?, cache: PrefixCache
  ) throws {
    let (model, isChat) = (loaded.model, settings.frame != nil)
    let encoder = try ConversationEncoder(source: model.source, needsTemplate: isChat)
    let endTokens = try encoder.endTokens(of: model.source, isChat: isChat)
    var settings = settings
    if !ignoresEnd { settings.endTokens = endTokens }
    settings.schema = try schema.map {
      let vocabulary = try SchemaVocabulary(
        of: encoder.tokenizer, tokenCount: model.vocabularySize, endTokens: endTokens)
      return try SchemaText(SchemaMasks($0, vocabulary))
    }
    self.init(
      generator: Generator(evaluator: loaded.evaluator, cache: cache), encoder: encoder,
      adapters: loaded.allAdapters, settings: settings)
  }

  /// - Returns: nil for the base.
  /// - Throws: `unknownAdapter`.
  package func adapter(named name: String?) throws(GenerationError) -> Adapter? {
    guard let name, name != "base" else { return nil }
    if let found = adapters.first(where: { $0.name == name }) { return found.adapter }
    let names = (["base"] + adapters.map(\.name)).joined(separator: ", ")
    throw GenerationError(
      .unknownAdapter, path: nil, place: nil, problem: "there is no adapter '\(name)'", remedy: "choose one of \(names)"
    )
  }

  package func reset() {
    history = []
    messages = []
  }

  /// Answers turns together.
  ///
  /// - Parameter tell: called with each piece of text and its turn's index.
  /// - Throws: `unknownAdapter`; ``InferenceError`` `tooLong`; what tokenizing, the template and computing throw.
  package func answer(_ turns: [RunTurn], tell: (Int, String) -> Void) throws -> [Answer] {
    if turns.contains(where: \.resets) { reset() }
    let prepared = try turns.map(request)
    let requests = prepared.map(\.request)
    var streams = requests.map {
      TextStream(encoder.tokenizer, context: Array($0.tokens.suffix(16)), stopTexts: settings.stopTexts)
    }
    let results = try generator.generate(requests) { step in
      let text = try streams[step.request].add(step.choice.token)
      if !text.isEmpty { tell(step.request, text) }
      return streams[step.request].stopText == nil
    }
    var answers: [Answer] = []
    for (index, turn) in turns.enumerated() {
      let rest = try streams[index].finish()
      if !rest.isEmpty { tell(index, rest) }
      let (request, result) = (requests[index], results[index])
      if !turn.isFork { keep(turn, request, result, reply: streams[index].text) }
      answers.append(
        Answer(
          adapter: request.adapter == nil ? nil : prepared[index].name, activationStart: request.activationStart,
          promptTokenCount: request.tokens.count, generation: result, text: streams[index].text,
          stopText: streams[index].stopText,
          filledContext: result.end == .limit && result.tokens.count < limit(of: turn)))
    }
    return answers
  }

  private func request(_ turn: RunTurn) throws -> (request: GenerationRequest, name: String?) {
    var (name, adapter) = (turn.adapter, try adapter(named: turn.adapter))
    let tokens = try tokens(of: turn, adapter)
    let controlTokens = generator.evaluator.model.source.controlTokens
    let start: Int?
    if let controlTokens {
      let found = try controlTokens.adapter(of: tokens, asked: adapter, name: turn.adapter, among: adapters)
      (name, adapter, start) = (found?.name, found?.adapter, found?.start)
    } else {
      start = adapter.flatMap { $0.activationStart(in: tokens) }
    }
    try settings.contextLimit.check(tokens.count, name: "the prompt")
    var request = GenerationRequest(
      tokens: tokens, adapter: adapter, activationStart: start,
      limit: settings.contextLimit.room(after: tokens.count, wanted: limit(of: turn)))
    request.sampling = settings.sampling
    request.seed = turn.seed.map { UInt64($0) } ?? settings.seed
    request.endTokens = settings.endTokens
    if let controlTokens { request.endTokens.formUnion(controlTokens.endTokens(of: adapter)) }
    request.schema = settings.schema
    return (request, name)
  }

  private func limit(of turn: RunTurn) -> Int { turn.limit ?? (turn.wantsAnswer ? settings.limit : 0) }

  /// An unanswered turn adds no answer, not even an empty one.
  private func keep(_ turn: RunTurn, _ request: GenerationRequest, _ result: Generation, reply: String) {
    guard settings.frame != nil else {
      history = request.tokens + result.tokens
      return
    }
    messages += turn.messages
    if limit(of: turn) > 0 { messages.append(ChatMessages.message("assistant", reply)) }
  }

  /// The conversation so far, followed by the turn.
  private func tokens(of turn: RunTurn, _ adapter: Adapter?) throws -> [Int] {
    guard let frame = settings.frame else {
      return history + (try encoder.tokenizer.encode(bytes: turn.text, addsSpecialTokens: history.isEmpty))
    }
    return try encoder.tokens(
      of: messages + turn.messages, frame: frame, invocation: adapter?.invocationTokens,
      slot: adapter?.controlToken == nil ? nil : turn.adapter)
  }
}
