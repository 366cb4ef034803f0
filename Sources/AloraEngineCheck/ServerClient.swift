internal import AloraSystem
package import AloraJSON

/// What llama-server says of itself (`GET /props`).
public struct ServerProperties: Hashable, Sendable {
  /// `build_info`; nil where the server does not tell.
  public let build: String?
  public let modelPath: String?
  public let slotCount: Int?
  /// How long a text may become in one slot. Units: tokens.
  public let contextLength: Int?
}

/// An adapter that the server has loaded (`GET /lora-adapters`).
public struct ServerAdapter: Hashable, Sendable {
  public let identifier: Int
  public let path: String
  /// Nil for an ordinary LoRA.
  public let invocationTokens: [Int]?
  /// `scale`: what a request gets that names no adapter; nil where the server does not tell.
  public var defaultScale: Double?
}

/// One token to be predicted.
public struct CompletionRequest: Hashable, Sendable {
  public enum Endpoint: String, CaseIterable, Sendable {
    case native = "/completion"
    case openAI = "/v1/completions"
  }
  public var tokens: [Int]
  /// The scale asked for each of the server's adapters.
  public var scales: [Int: Double]
  public var endpoint = Endpoint.native
  /// Whether keys and values of the slot's previous text may be used again.
  public var reusesCache = false
  /// The token that the server is made to say; nil: the likeliest. What it tells of all tokens is the same.
  ///
  /// Source: `get_token_probabilities` in tools/server/server-common.cpp reads the model's logits, which `logit_bias`
  /// does not change.
  public var forcedToken: Int?

  public init(tokens: [Int], scales: [Int: Double], endpoint: Endpoint = .native, reusesCache: Bool = false) {
    self.tokens = tokens
    self.scales = scales
    self.endpoint = endpoint
    self.reusesCache = reusesCache
  }
}

/// What a server says of the next token.
public struct CompletionAnswer: Hashable, Sendable {
  public struct Candidate: Hashable, Sendable {
    public let token: Int
    /// Units: nats.
    public let logProbability: Double
  }
  /// The most probable ones, each token once.
  public let candidates: [Candidate]
  /// How many of the prompt's tokens came from the cache; nil where the server does not tell.
  public let cachedTokenCount: Int?
}

/// Asks a llama-server.
public struct ServerClient: Sendable {
  public let address: ServerAddress
  /// How many candidates are asked for.
  public let candidateCount: Int
  private let http: HTTPClient

  public init(address: ServerAddress, timeout: Double = 120, candidateCount: Int = 64, bodyByteLimit: Int = 1 << 24) {
    self.address = address
    self.candidateCount = candidateCount
    http = HTTPClient(address: address, timeout: timeout, bodyByteLimit: bodyByteLimit)
  }

  /// Calls `read` with the answer's JSON; what it finds wrong there is the server's fault.
  private func ask<Value>(
    _ method: String, _ path: String, _ body: JSONValue? = nil, read: (JSON) throws(JSONError) -> Value
  ) throws(ServerError) -> Value {
    let response = try http.request(method, path, body: body?.serialized(isPretty: false))
    let url = "\(address)\(path)"
    guard response.status == 200 else {
      throw ServerError(.refused, url: url, Self.problem(response), status: response.status)
    }
    do throws(JSONError) {
      // Safe: the parser copies what it keeps of the array.
      return try read(try JSONDocument(parsing: unsafe response.body.span.bytes).root)
    } catch {
      throw ServerError(
        .malformedResponse, url: url,
        "the answer is not what was asked for: " + (error.place.map { "\($0): " } ?? "") + error.problem)
    }
  }

  /// The server's own words, where it has any: `{"error": {"message": …}}`.
  private static func problem(_ response: HTTPResponse) -> String {
    let root = try? JSONDocument(parsing: unsafe response.body.span.bytes).root
    let error = try? root?[optional: "error"]
    let message = (try? error?[optional: "message"]?.string()) ?? (try? error?.string())
    return "the server answered with status \(response.status)" + (message.map { ": \($0.prefix(300))" } ?? "")
  }

  /// - Throws: ``ServerError``.
  public func properties() throws(ServerError) -> ServerProperties {
    try ask("GET", "/props", read: Self.properties)
  }

  package static func properties(_ root: JSON) throws(JSONError) -> ServerProperties {
    ServerProperties(
      build: try root[optional: "build_info"]?.string(), modelPath: try root[optional: "model_path"]?.string(),
      slotCount: try root[optional: "total_slots"]?.integer(in: 0...65536),
      contextLength: try root[optional: "default_generation_settings"]?[optional: "n_ctx"]?
        .integer(in: 0...Int(Int32.max)))
  }

  /// - Throws: ``ServerError``.
  public func adapters() throws(ServerError) -> [ServerAdapter] {
    let adapters = try ask("GET", "/lora-adapters", read: Self.adapters)
    guard Set(adapters.map(\.identifier)).count == adapters.count else {
      throw ServerError(
        .malformedResponse, url: "\(address)/lora-adapters", "two adapters have the same id")
    }
    return adapters
  }

  package static func adapters(_ root: JSON) throws(JSONError) -> [ServerAdapter] {
    let limit = 0...Int(Int32.max)
    var adapters: [ServerAdapter] = []
    for item in try root.elements() {
      var tokens: [Int]?
      if let list = try item[optional: "alora_invocation_tokens"] {
        var read: [Int] = []
        for token in try list.elements() { read.append(try token.integer(in: limit)) }
        tokens = read.isEmpty ? nil : read
      }
      adapters.append(
        ServerAdapter(
          identifier: try item["id"].integer(in: limit), path: try item[optional: "path"]?.string() ?? "",
          invocationTokens: tokens, defaultScale: try item[optional: "scale"]?.number()))
    }
    return adapters
  }

  /// - Throws: ``ServerError``, also where the answer holds no probabilities.
  public func complete(_ request: CompletionRequest) throws(ServerError) -> CompletionAnswer {
    guard let answer = try self.answer(request) else { throw withoutProbabilities(request) }
    return answer
  }

  func withoutProbabilities(_ request: CompletionRequest) -> ServerError {
    ServerError(
      .malformedResponse, url: "\(address)\(request.endpoint.rawValue)",
      "the answer holds no probabilities of the next token")
  }

  /// Nil where the answer holds no probabilities.
  ///
  /// Source: `process_token` in tools/server/server-context.cpp, which leaves them out where the token is a part of a
  /// character.
  /// - Throws: ``ServerError``.
  func answer(_ request: CompletionRequest) throws(ServerError) -> CompletionAnswer? {
    let isNative = request.endpoint == .native
    var members: [JSONValue.Member] = [
      .init("prompt", .array(request.tokens.map { .integer($0) })), .init("temperature", 0),
      .init(isNative ? "n_predict" : "max_tokens", 1),
      .init(isNative ? "n_probs" : "logprobs", .integer(candidateCount)),
      .init("stream", false), .init("post_sampling_probs", false), .init("cache_prompt", .boolean(request.reusesCache)),
      .init("id_slot", 0),
    ]
    if !request.scales.isEmpty {
      let list: [JSONValue] = request.scales.sorted { $0.key < $1.key }.map { identifier, scale in
        ["id": .integer(identifier), "scale": .number(scale)]
      }
      members.append(.init("lora", .array(list)))
    }
    if let token = request.forcedToken {
      // More than logits are apart.
      members.append(.init("logit_bias", .array([.array([.integer(token), .integer(1000)])])))
    }
    let path = request.endpoint.rawValue
    let (answer, promptCount) = try ask("POST", path, .object(members)) { root throws(JSONError) in
      isNative ? try Self.nativeAnswer(root) : try Self.openAIAnswer(root)
    }
    if let promptCount, promptCount != request.tokens.count {
      throw ServerError(
        .malformedResponse, url: "\(address)\(path)",
        "\(request.tokens.count) tokens were sent, and the server says that the prompt has \(promptCount)")
    }
    return answer
  }

  /// The answer, nil where it holds no probabilities, and how many tokens the prompt has.
  package static func nativeAnswer(_ root: JSON) throws(JSONError) -> (CompletionAnswer?, Int?) {
    let cached = try root[optional: "timings"]?[optional: "cache_n"]?.integer()
    let list = try root[optional: "completion_probabilities"]
    return (try answer(list, cached), try root[optional: "tokens_evaluated"]?.integer())
  }

  /// The same of the other endpoint.
  package static func openAIAnswer(_ root: JSON) throws(JSONError) -> (CompletionAnswer?, Int?) {
    let choices = try root["choices"]
    guard let choice = try choices.elements().first else { throw choices.error(.missing, "it holds no choice") }
    let usage = try root[optional: "usage"]
    let cached = try usage?[optional: "prompt_tokens_details"]?[optional: "cached_tokens"]?.integer()
    let count = try usage?[optional: "prompt_tokens"]?.integer()
    guard let probabilities = try choice[optional: "logprobs"], !probabilities.isNull else { return (nil, count) }
    return (try answer(try probabilities["content"], cached), count)
  }

  private static func answer(_ list: JSON?, _ cachedTokenCount: Int?) throws(JSONError) -> CompletionAnswer? {
    guard let list, !list.isNull, let first = try list.elements().first else { return nil }
    return CompletionAnswer(candidates: try candidates(first), cachedTokenCount: cachedTokenCount)
  }

  private static func candidates(_ token: JSON) throws(JSONError) -> [CompletionAnswer.Candidate] {
    let list = try token["top_logprobs"]
    var candidates: [CompletionAnswer.Candidate] = []
    var seen: Set<Int> = []
    for item in try list.elements() {
      let identifier = try item["id"].integer(in: 0...Int(Int32.max))
      let value = try item["logprob"].number()
      guard value <= 1e-3 else {
        throw try item["logprob"].error(.outOfRange, "\(value) is no logarithm of a probability")
      }
      guard seen.insert(identifier).inserted else { throw item.error(.duplicateKey, "token \(identifier) comes twice") }
      // What the server rounded to a probability of zero says nothing.
      if value > -80 { candidates.append(.init(token: identifier, logProbability: value)) }
    }
    guard !candidates.isEmpty else { throw list.error(.missing, "it holds no token") }
    return candidates
  }
}
