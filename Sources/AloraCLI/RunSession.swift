internal import AloraSystem
internal import AloraTemplates
internal import AloraGeneration
internal import AloraInference
internal import AloraJSON
internal import AloraTokenization

/// A conversation of a base model and its adapters, on one cache.
final class RunSession {
  let generator: Generator
  let tokenizer: Tokenizer
  /// Nil where prompts are taken as they are.
  let template: ChatTemplate?
  let adapters: [(name: String, adapter: Adapter)]
  let settings: Settings
  private var history: [Int] = []
  private var messages: [JSONValue] = []

  struct Settings {
    var limit: Int
    var sampling: SamplingOptions
    var seed: UInt64
    var stopTexts: [String]
    var endTokens: Set<Int>
  }

  /// A turn that was answered.
  struct Answer {
    let adapter: String?
    let activationStart: Int?
    let promptTokenCount: Int
    let generation: Generation
    let text: String
    let stopText: String?
  }

  init(
    generator: Generator, tokenizer: Tokenizer, template: ChatTemplate?, adapters: [(name: String, adapter: Adapter)],
    settings: Settings
  ) {
    self.generator = generator
    self.tokenizer = tokenizer
    self.template = template
    self.adapters = adapters
    self.settings = settings
  }

  func adapter(named name: String?) throws -> Adapter? {
    guard let name, name != "base" else { return nil }
    if let found = adapters.first(where: { $0.name == name }) { return found.adapter }
    let names = (["base"] + adapters.map(\.name)).joined(separator: ", ")
    throw InferenceError(
      .notAnAdapter, path: nil, problem: "there is no adapter '\(name)'", remedy: "name one of \(names)")
  }

  func reset() {
    history = []
    messages = []
  }

  /// Answers turns together.
  ///
  /// - Parameter tell: given each piece of text with its turn's index.
  /// - Throws: what tokenizing, the template and computing throw.
  func answer(_ turns: [RunTurn], tell: (Int, String) -> Void) throws -> [Answer] {
    if turns.contains(where: \.resets) { reset() }
    var requests: [GenerationRequest] = []
    for turn in turns {
      let adapter = try adapter(named: turn.adapter)
      var request = GenerationRequest(
        tokens: try tokens(of: turn, adapter), adapter: adapter, limit: turn.limit ?? settings.limit)
      request.sampling = settings.sampling
      request.seed = turn.seed.map { UInt64($0) } ?? settings.seed
      request.endTokens = settings.endTokens
      requests.append(request)
    }
    var streams = requests.map {
      TextStream(tokenizer, context: Array($0.tokens.suffix(16)), stopTexts: settings.stopTexts)
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
      if !turn.isFork { keep(turn, requests[index].tokens + results[index].tokens, reply: streams[index].text) }
      answers.append(
        Answer(
          adapter: requests[index].adapter == nil ? nil : turn.adapter,
          activationStart: requests[index].activationStart, promptTokenCount: requests[index].tokens.count,
          generation: results[index], text: streams[index].text, stopText: streams[index].stopText))
    }
    return answers
  }

  private func keep(_ turn: RunTurn, _ tokens: [Int], reply: String) {
    history = tokens
    messages += [Self.message(turn.role, turn.prompt), Self.message("assistant", reply)]
  }

  private static func message(_ role: String, _ content: String) -> JSONValue {
    ["role": .string(role), "content": .string(content)]
  }

  /// The conversation so far, and the turn.
  private func tokens(of turn: RunTurn, _ adapter: Adapter?) throws -> [Int] {
    guard let template else {
      return history + (try tokenizer.encode(turn.prompt, addsSpecialTokens: history.isEmpty))
    }
    let list = JSONValue.array(messages + [Self.message(turn.role, turn.prompt)]).serialized(isPretty: false)
    let bytes = Array(list.utf8)
    let document = try JSONDocument(parsing: unsafe bytes.span.bytes)
    return try ChatPrompt(template: template, tokenizer: tokenizer).tokens(
      document.root, invocation: adapter?.invocationTokens)
  }
}
