internal import AloraSystem
package import AloraJSON

/// llama.cpp's server: everything about it is in this file.
///
/// It can be asked everything: prompts are token ids, and each request says which adapters it wants at which scale, and
/// whether keys and values may be reused. `alora serve` answers the same requests.
///
/// Source: tools/server of llama.cpp, build 11434.
package struct LlamaServer: InferenceServer {
  package static let engineName = "llama-server"
  package let capabilities: ServerCapabilities = [
    .scales, .cacheControl, .defaultScales, .secondEndpoint, .forcesTokens,
  ]
  package var address: ServerAddress { endpoint.address }
  /// The number of candidates to request.
  private let candidateCount: Int
  let endpoint: JSONEndpoint

  package init(address: ServerAddress, timeout: Double = 120, candidateCount: Int = 64, bodyByteLimit: Int = 1 << 24) {
    self.candidateCount = candidateCount
    endpoint = JSONEndpoint(address: address, timeout: timeout, bodyByteLimit: bodyByteLimit)
  }

  package func properties() throws(ServerError) -> ServerProperties {
    try endpoint.ask("GET", "/props", read: Self.properties)
  }

  package static func properties(_ root: JSON) throws(JSONError) -> ServerProperties {
    let build = try root[optional: "build_info"]?.string()
    // llama-server gives its build alone.
    let words = build?.split(separator: " ", maxSplits: 1).map(String.init) ?? []
    return ServerProperties(
      product: words.count == 2 ? words[0] : nil, build: words.last,
      modelPath: try root[optional: "model_path"]?.string(),
      contextLength: try root[optional: "default_generation_settings"]?[optional: "n_ctx"]?
        .integer(in: 0...Int(Int32.max)))
  }

  package func adapters() throws(ServerError) -> [ServerAdapter] {
    let adapters = try endpoint.ask("GET", "/lora-adapters", read: Self.adapters)
    guard Set(adapters.map(\.identifier)).count == adapters.count else {
      throw endpoint.malformed("/lora-adapters", "two adapters have the same id")
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
          identifier: .number(try item["id"].integer(in: limit)), path: try item[optional: "path"]?.string() ?? "",
          invocationTokens: tokens, defaultScale: try item[optional: "scale"]?.number()))
    }
    return adapters
  }

  package func withoutProbabilities(_ request: CompletionRequest) -> ServerError {
    endpoint.malformed(Self.path(request.endpoint), "the answer doesn't give the next token's probabilities")
  }

  private static func path(_ endpoint: CompletionRequest.Endpoint) -> String {
    switch endpoint {
    case .native: "/completion"
    case .openAI: "/v1/completions"
    }
  }

  /// `logit_bias` forces a token: `get_token_probabilities` in server-common.cpp reads the model's logits, which the bias
  /// doesn't change.
  ///
  /// Source: `process_token` in server-context.cpp, which leaves probabilities out if the token is a part of a character.
  package func answer(_ request: CompletionRequest) throws(ServerError) -> CompletionAnswer? {
    let isNative = request.endpoint == .native
    var members: [JSONValue.Member] = [
      .init("prompt", .array(request.tokens.map { .integer($0) })), .init("temperature", 0),
      .init(isNative ? "n_predict" : "max_tokens", 1),
      .init(isNative ? "n_probs" : "logprobs", .integer(candidateCount)),
      .init("stream", false), .init("post_sampling_probs", false), .init("cache_prompt", .boolean(request.reusesCache)),
      // Some servers give no probabilities of a token that ends the text.
      .init("id_slot", 0), .init("ignore_eos", true),
    ]
    if !request.scales.isEmpty {
      let list: [JSONValue] = request.scales.sorted { $0.key < $1.key }.compactMap { identifier, scale in
        guard case .number(let number) = identifier else { return nil }
        return ["id": .integer(number), "scale": .number(scale)]
      }
      members.append(.init("lora", .array(list)))
    }
    if let token = request.forcedToken {
      // Larger than any difference of logits.
      members.append(.init("logit_bias", .array([.array([.integer(token), .integer(1000)])])))
    }
    let path = Self.path(request.endpoint)
    let (answer, promptCount) = try endpoint.ask("POST", path, .object(members)) { root throws(JSONError) in
      isNative ? try Self.nativeAnswer(root) : try Self.openAIAnswer(root)
    }
    if let promptCount, promptCount != request.tokens.count {
      throw endpoint.malformed(
        path, "\(request.tokens.count) tokens were sent, but the server says that the prompt has \(promptCount)")
    }
    return answer
  }

  /// The answer, nil without probabilities, and how many tokens the prompt has.
  package static func nativeAnswer(_ root: JSON) throws(JSONError) -> (CompletionAnswer?, Int?) {
    let cached = try root[optional: "timings"]?[optional: "cache_n"]?.integer()
    let list = try root[optional: "completion_probabilities"]
    return (try answer(list, cached), try root[optional: "tokens_evaluated"]?.integer())
  }

  /// The same of the other endpoint.
  package static func openAIAnswer(_ root: JSON) throws(JSONError) -> (CompletionAnswer?, Int?) {
    let choices = try root["choices"]
    guard let choice = try choices.elements().first else { throw choices.error(.missing, "it has no choice") }
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
    var candidates = CandidateList(list)
    for item in try list.elements() {
      try candidates.add(try item["id"].integer(in: 0...Int(Int32.max)), try item["logprob"], item)
    }
    return try candidates.read()
  }
}
