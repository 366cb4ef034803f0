internal import AloraSystem
package import AloraJSON

/// Ollama: everything about it is in this file.
///
/// It can be asked for the base and for each adapter: each is a model of its own, with a name. Prompts are texts, `raw`, so that
/// no template is applied. Tokens are named by their text, up to 20 of them.
///
/// It can't be asked with token ids, to scale an adapter, not to reuse its cache, or for an adapter's invocation. A prompt that
/// no text stands for is left out, and so is one after which the likeliest token is a part of a character, because Ollama
/// then gives no probabilities.
///
/// Source: Ollama's docs/api.md; `GenerateHandler` and `GetModelInfo` in server/routes.go, `Completion` and `convertLogprobs` in
/// llm/llama_server.go (2026-08).
package struct OllamaServer: InferenceServer {
  package static let engineName = "ollama"
  package let capabilities: ServerCapabilities = []
  package var address: ServerAddress { endpoint.address }

  /// A model's parts, from its Modelfile.
  package struct Parts: Hashable, Sendable {
    package var base: String?
    package var adapters: [String] = []
  }

  /// More models aren't asked for their parts.
  private static let modelLimit = 256

  private let endpoint: JSONEndpoint
  private let texts: TokenTexts
  private let base: String
  private let listedAdapters: [ServerAdapter]

  /// Asks the server which models it has, and which of them are adapters.
  ///
  /// - Parameter base: the base's name at the server; nil: the model that the adapters are made from.
  /// - Throws: ``ServerError``: `ambiguousBase`, `noBase`; `unsupported` without texts; what the requests throw.
  package init(
    address: ServerAddress, timeout: Double = 120, base: String? = nil, texts: TokenTexts?,
    bodyByteLimit: Int = 1 << 24
  ) throws(ServerError) {
    endpoint = JSONEndpoint(address: address, timeout: timeout, bodyByteLimit: bodyByteLimit)
    guard let texts else {
      throw ServerError(
        .unsupported, url: "\(address)", "Ollama takes prompts as text, and the base has no tokenizer to make them with"
      )
    }
    self.texts = texts
    let names = try endpoint.ask("GET", "/api/tags", read: Self.names)
    var models: [(name: String, parts: Parts)] = []
    for name in names.prefix(Self.modelLimit) {
      models.append((name, try endpoint.ask("POST", "/api/show", ["model": .string(name)], read: Self.parts)))
    }
    let adapted = models.filter { !$0.parts.adapters.isEmpty }
    let plain = models.filter { $0.parts.adapters.isEmpty }
    if let base {
      let full = base.contains(":") ? base : base + ":latest"
      guard let found = names.first(where: { $0 == base || $0 == full }) else {
        throw ServerError(
          .noBase, url: "\(address)/api/tags", "the server has no model '\(base)'",
          remedy: "it has \(names.joined(separator: ", "))")
      }
      self.base = found
    } else {
      let files = Set(adapted.compactMap(\.parts.base))
      let candidates = plain.filter { model in model.parts.base.map(files.contains) ?? false }
      guard let first = (candidates.isEmpty ? plain : candidates).first,
        // Several names of one file are one base.
        candidates.count == 1 || plain.count == 1 || (files.count == 1 && !candidates.isEmpty)
      else {
        throw ServerError(
          .ambiguousBase, url: "\(address)/api/tags",
          "the server doesn't say which model is the base: it has \(names.joined(separator: ", "))")
      }
      self.base = first.name
    }
    listedAdapters = adapted.map { model in
      ServerAdapter(
        identifier: .name(model.name), path: model.parts.adapters.joined(separator: ", "), invocationTokens: nil,
        knowsInvocation: false)
    }
  }

  package static func names(_ root: JSON) throws(JSONError) -> [String] {
    var names: [String] = []
    for item in try root["models"].elements() { names.append(try item["name"].string()) }
    return names
  }

  /// Source: `Model.String` in server/images.go: a line for each command, `FROM` first; the template and other texts follow.
  package static func parts(_ root: JSON) throws(JSONError) -> Parts {
    var parts = Parts()
    for line in try root["modelfile"].string().split(whereSeparator: \.isNewline) {
      let words = line.split(separator: " ", maxSplits: 1)
      guard words.count == 2 else { continue }
      let rest = String(words[1])
      switch words[0].lowercased() {
      case "from": parts.base = parts.base ?? rest
      case "adapter": parts.adapters.append(rest)
      // What follows may have any text on a line of its own.
      case "template", "system", "license", "message": return parts
      default: continue
      }
    }
    return parts
  }

  package func properties() throws(ServerError) -> ServerProperties {
    let version = try endpoint.ask("GET", "/api/version") { root throws(JSONError) in try root["version"].string() }
    return ServerProperties(product: "Ollama", build: version, modelPath: base)
  }

  package func adapters() throws(ServerError) -> [ServerAdapter] { listedAdapters }

  package func canSend(_ tokens: [Int]) -> Bool { texts.text(of: tokens) != nil }

  package func withoutProbabilities(_ request: CompletionRequest) -> ServerError {
    endpoint.malformed(Self.path, "the answer doesn't give the next token's probabilities")
  }

  private static let path = "/api/generate"

  package func answer(_ request: CompletionRequest) throws(ServerError) -> CompletionAnswer? {
    guard let prompt = texts.text(of: request.tokens) else {
      throw ServerError(.unsupported, url: "\(address)\(Self.path)", "no text is read as the prompt's tokens")
    }
    let model = request.scales.filter { $0.value != 0 }.keys.sorted().first.map { "\($0)" } ?? base
    let body: JSONValue = [
      "model": .string(model), "prompt": .string(prompt), "raw": true, "stream": false, "logprobs": true,
      "top_logprobs": 20, "options": ["temperature": 0, "num_predict": 1],
    ]
    let (named, count) = try endpoint.ask("POST", Self.path, body, read: Self.answer)
    if let count, count != request.tokens.count {
      throw endpoint.malformed(
        Self.path,
        "\(request.tokens.count) tokens were sent, but the server says that the prompt has \(count): it has another tokenizer"
      )
    }
    guard let named else { return nil }
    let candidates = texts.candidates(named)
    return candidates.isEmpty ? nil : CompletionAnswer(candidates: candidates, cachedTokenCount: nil)
  }

  /// The candidates, nil if there are none, and how many tokens the prompt has.
  package static func answer(_ root: JSON) throws(JSONError) -> ([NamedCandidate]?, Int?) {
    let count = try root[optional: "prompt_eval_count"]?.integer()
    guard let list = try root[optional: "logprobs"], !list.isNull else { return (nil, count) }
    return (try list.firstTokenCandidates(), count)
  }
}
