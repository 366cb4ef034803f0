internal import AloraSystem
package import AloraJSON

/// A server with OpenAI's `/v1/completions`: everything about it is in this file. vLLM, SGLang, llama-cpp-python,
/// LM Studio and `alora serve` are such servers.
///
/// It can be asked for the base and for each adapter, by the name in `model`: `name` (vLLM, alora), `base:name` (SGLang), or a
/// model of its own for each adapter (llama-cpp-python). A server that lists adapters as llama-server does gets `lora`.
/// Prompts are token ids if the server takes them, texts otherwise. Most servers name tokens by their text.
///
/// It can't be asked to scale an adapter, except with `lora`; nor for the default scale. Only vLLM and SGLang can be kept
/// from reusing a cache, by a salt.
///
/// Source: OpenAI's API reference, "Create completion"; vLLM, `vllm/entrypoints/openai/completion/protocol.py` and
/// `models/serving.py` (2026-10); SGLang, `python/sglang/srt/entrypoints/openai/serving_completions.py` and `utils.py`
/// (2026-10); llama-cpp-python 0.3.36, `llama_cpp/server/app.py` and `types.py`.
package struct OpenAIServer: InferenceServer {
  package static let engineName = "openai"
  package let capabilities: ServerCapabilities
  package var address: ServerAddress { endpoint.address }

  /// A model in the server's list.
  package struct Listed: Hashable, Sendable {
    package let id: String
    package let root: String?
    /// The base of an adapter.
    package let parent: String?
    package let owner: String?
    package let contextLength: Int?
    /// The invocation's tokens, if the server has a field for them.
    package let invocation: [Int]?
    package let knowsInvocation: Bool
  }

  /// The features of a program that has more than OpenAI's.
  private enum Product: String {
    case vLLM = "vllm", sglang, alora, other

    var name: String? {
      switch self {
      case .vLLM: "vLLM"
      case .sglang: "SGLang"
      case .alora: "alora"
      case .other: nil
      }
    }
  }

  /// What the first request found out.
  private struct Form {
    var isText = false
    var candidateCount = 20
  }

  private let endpoint: JSONEndpoint
  private let texts: TokenTexts?
  private let models: [Listed]
  private let base: String
  private let product: Product
  private let listedAdapters: [ServerAdapter]
  private var form = Form()
  /// Makes salts that no other run has.
  private let run = WallClock.seconds

  /// Asks the server what it has and how it takes prompts.
  ///
  /// - Parameters:
  ///   - base: the base's name at the server; nil: the adapters' parent, or the only model.
  ///   - trial: tokens of a text.
  /// - Throws: ``ServerError``: `ambiguousBase`, `noBase`; `unsupported` if the server needs texts that the model doesn't have;
  ///   what the requests throw.
  package init(
    address: ServerAddress, timeout: Double = 120, base: String? = nil, texts: TokenTexts?, trial: [Int],
    bodyByteLimit: Int = 1 << 24
  ) throws(ServerError) {
    endpoint = JSONEndpoint(address: address, timeout: timeout, bodyByteLimit: bodyByteLimit)
    self.texts = texts
    models = try endpoint.ask("GET", "/v1/models", read: Self.models)
    product = models.first?.owner.flatMap(Product.init(rawValue:)) ?? .other
    self.base = try Self.base(models, named: base, url: "\(address)/v1/models")
    let baseName = self.base
    let numbered: [ServerAdapter]? =
      models.contains { $0.parent != nil }
      ? nil : try? endpoint.ask("GET", "/lora-adapters", read: LlamaServer.adapters)
    if let numbered {
      listedAdapters = numbered
    } else {
      let ofBase = models.filter { $0.parent != nil && $0.id != $0.parent }
      let isApart = product == .sglang
      listedAdapters = (ofBase.isEmpty ? models.filter { $0.id != baseName } : ofBase).map { model in
        ServerAdapter(
          identifier: .name(isApart ? "\(baseName):\(model.id)" : model.id), path: model.root ?? model.id,
          invocationTokens: model.invocation, knowsInvocation: model.knowsInvocation)
      }
    }
    var capabilities: ServerCapabilities = numbered == nil ? [] : .scales
    if product == .vLLM || product == .sglang { capabilities.insert(.cacheControl) }
    self.capabilities = capabilities
    try findForm(trial)
  }

  package static func models(_ root: JSON) throws(JSONError) -> [Listed] {
    let limit = 0...Int(Int32.max)
    var models: [Listed] = []
    for item in try root["data"].elements() {
      func text(_ name: String) throws(JSONError) -> String? {
        guard let value = try item[optional: name], !value.isNull else { return nil }
        return try value.string()
      }
      let invocation = try item[optional: "invocation"]
      let length = try item[optional: "max_model_len"]
      models.append(
        Listed(
          id: try item["id"].string(), root: try text("root"), parent: try text("parent"),
          owner: try text("owned_by"), contextLength: length?.isNull == false ? try length?.integer(in: limit) : nil,
          invocation: invocation?.isNull == false ? try invocation?.integers(in: limit) : nil,
          knowsInvocation: invocation != nil))
    }
    return models
  }

  private static func base(_ models: [Listed], named name: String?, url: String) throws(ServerError) -> String {
    let list = models.map(\.id).joined(separator: ", ")
    if let name {
      guard models.contains(where: { $0.id == name }) else {
        throw ServerError(.noBase, url: url, "the server has no model '\(name)'", remedy: "it has \(list)")
      }
      return name
    }
    let parents = Set(models.compactMap(\.parent))
    let bases = models.filter { $0.parent == nil }
    if parents.count == 1, let parent = parents.first, bases.contains(where: { $0.id == parent }) { return parent }
    // Several names of one model have the same root.
    if let first = bases.first, bases.count == 1 || (first.root != nil && bases.allSatisfy { $0.root == first.root }) {
      return first.id
    }
    throw ServerError(.ambiguousBase, url: url, "the server doesn't say which model is the base: it has \(list)")
  }

  package func properties() throws(ServerError) -> ServerProperties {
    var properties = ServerProperties(
      product: product.name, modelPath: models.first { $0.id == base }?.root,
      contextLength: models.first { $0.id == base }?.contextLength)
    let places: [String] =
      switch product {
      case .alora: ["/api/version"]
      case .sglang: ["/server_info", "/get_server_info"]
      case .vLLM, .other: ["/version", "/openapi.json"]
      }
    for place in places {
      guard let said = try? endpoint.ask("GET", place, read: Self.version) else { continue }
      properties.build = said.version
      properties.product = properties.product ?? said.product
      break
    }
    return properties
  }

  /// A version, and the name of the program if there is one.
  ///
  /// Source: FastAPI's `/openapi.json` has both in `info`.
  package static func version(_ root: JSON) throws(JSONError) -> (product: String?, version: String) {
    guard let about = try root[optional: "info"] else { return (nil, try root["version"].string()) }
    return (try about[optional: "title"]?.string(), try about["version"].string())
  }

  package func adapters() throws(ServerError) -> [ServerAdapter] { listedAdapters }

  package func canSend(_ tokens: [Int]) -> Bool { !form.isText || texts?.text(of: tokens) != nil }

  package func withoutProbabilities(_ request: CompletionRequest) -> ServerError {
    endpoint.malformed(Self.path, "the answer doesn't give the next token's probabilities")
  }

  private static let path = "/v1/completions"

  /// Finds how the server takes prompts, and how many candidates it gives.
  ///
  /// - Throws: ``ServerError``: the first refusal, if the server refuses everything.
  private mutating func findForm(_ trial: [Int]) throws(ServerError) {
    var refusal: ServerError?
    // OpenAI's own limit is 5.
    for form in [
      Form(), Form(isText: true), Form(candidateCount: 5), Form(isText: true, candidateCount: 5),
    ] {
      self.form = form
      guard canSend(trial) else { continue }
      do throws(ServerError) {
        _ = try answer(CompletionRequest(tokens: trial, scales: [:]))
        return
      } catch {
        guard error.isAboutTheRequest else { throw error }
        // A refusal of numbers says less than one of texts.
        refusal = form.isText ? error : refusal ?? error
      }
    }
    throw refusal ?? ServerError(.unsupported, url: "\(address)\(Self.path)", "the prompts can't be sent as texts")
  }

  package func answer(_ request: CompletionRequest) throws(ServerError) -> CompletionAnswer? {
    guard let prompt = prompt(request.tokens) else {
      throw ServerError(.unsupported, url: "\(address)\(Self.path)", "no text is read as the prompt's tokens")
    }
    var members: [JSONValue.Member] = [
      .init("prompt", prompt), .init("temperature", 0), .init("max_tokens", 1),
      .init("logprobs", .integer(form.candidateCount)), .init("stream", false),
    ]
    members += adapterMembers(request)
    members += ownMembers(request)
    let (named, count, cached) = try endpoint.ask("POST", Self.path, .object(members), read: Self.answer)
    if let count, count != request.tokens.count {
      throw endpoint.malformed(
        Self.path,
        "\(request.tokens.count) tokens were sent, but the server says that the prompt has \(count): it has another tokenizer, "
          + "or adds a token")
    }
    guard let named else { return nil }
    let candidates = try candidates(named)
    return candidates.isEmpty ? nil : CompletionAnswer(candidates: candidates, cachedTokenCount: cached)
  }

  private func prompt(_ tokens: [Int]) -> JSONValue? {
    form.isText ? texts?.text(of: tokens).map { .string($0) } : .array(tokens.map { .integer($0) })
  }

  private func adapterMembers(_ request: CompletionRequest) -> [JSONValue.Member] {
    let active = request.scales.filter { $0.value != 0 }.sorted { $0.key < $1.key }
    if capabilities.contains(.scales) {
      let list: [JSONValue] = request.scales.sorted { $0.key < $1.key }.compactMap { identifier, scale in
        guard case .number(let number) = identifier else { return nil }
        return ["id": .integer(number), "scale": .number(scale)]
      }
      return [.init("model", .string(base))] + (list.isEmpty ? [] : [.init("lora", .array(list))])
    }
    return [.init("model", .string(active.first.map { "\($0.key)" } ?? base))]
  }

  /// What only this program understands; others may refuse what they don't know.
  private func ownMembers(_ request: CompletionRequest) -> [JSONValue.Member] {
    let names = JSONValue.Member("return_tokens_as_token_ids", true)
    let salt = JSONValue.Member("cache_salt", .string("alora-\(run)-\(request.group)"))
    return switch product {
    case .vLLM: [names, salt]
    case .sglang: [salt]
    case .alora: [names, .init("ignore_eos", true)]
    case .other: []
    }
  }

  private func candidates(_ named: [NamedCandidate]) throws(ServerError) -> [CompletionAnswer.Candidate] {
    if let texts { return texts.candidates(named) }
    return try named.map { candidate throws(ServerError) in
      guard case .number(let number) = candidate.name else {
        throw ServerError(
          .unsupported, url: "\(address)\(Self.path)",
          "the server names tokens by their text, and the base has no tokenizer to find them")
      }
      return .init(token: number, logProbability: candidate.logProbability)
    }
  }

  /// The candidates, nil if there are none; how many tokens the prompt has; and how many came from the cache.
  package static func answer(_ root: JSON) throws(JSONError) -> ([NamedCandidate]?, Int?, Int?) {
    let choices = try root["choices"]
    guard let choice = try choices.elements().first else { throw choices.error(.missing, "it has no choice") }
    var (count, cached): (Int?, Int?)
    if let usage = try root[optional: "usage"], !usage.isNull {
      count = try usage[optional: "prompt_tokens"]?.integer()
      if let details = try usage[optional: "prompt_tokens_details"], !details.isNull,
        let value = try details[optional: "cached_tokens"], !value.isNull
      {
        cached = try value.integer()
      }
    }
    guard let probabilities = try choice[optional: "logprobs"], !probabilities.isNull else {
      return (nil, count, cached)
    }
    if let content = try probabilities[optional: "content"], !content.isNull {
      return (try content.firstTokenCandidates(), count, cached)
    }
    guard let list = try probabilities[optional: "top_logprobs"], !list.isNull,
      let first = try list.elements().first, !first.isNull
    else { return (nil, count, cached) }
    let named = try first.members().map { name, value throws(JSONError) in
      NamedCandidate(name: Self.name(name), logProbability: try value.logProbability())
    }
    return (named.isEmpty ? nil : named, count, cached)
  }

  /// Source: `format_token_id_placeholder` of vLLM.
  private static func name(_ text: String) -> NamedCandidate.Name {
    let start = "token_id:"
    guard text.utf8.starts(with: start.utf8), let number = UInt32(text.dropFirst(start.count)) else {
      return .text(text)
    }
    return .number(Int(number))
  }
}
