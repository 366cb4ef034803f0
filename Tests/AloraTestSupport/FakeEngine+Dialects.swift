import AloraInference
import AloraJSON

extension FakeEngine {
  func llamaServerReply(_ request: FakeServer.Request) throws -> FakeServer.Reply? {
    switch request.path {
    case "/props": return .init(json: #"{"build_info": "fake", "total_slots": 1}"#)
    case "/lora-adapters":
      let list = (0..<adapterCount).map { identifier -> String in
        let invocation: [Int]? =
          switch identifier {
          case 0: adapter.invocationTokens
          case 1: other?.invocation
          default: nil
          }
        let tokens = invocation.map { #", "alora_invocation_tokens": \#($0)"# } ?? ""
        let scale = identifier == 0 ? defaultScale : 0
        return #"{"id": \#(identifier), "path": "a\#(identifier).gguf", "scale": \#(scale)\#(tokens)}"#
      }
      return .init(json: "[\(list.joined(separator: ","))]")
    case "/completion", "/v1/completions":
      return .init(json: try llamaServerCompletion(request.body, isNative: request.path == "/completion"))
    default: return nil
    }
  }

  private func llamaServerCompletion(_ body: [UInt8], isNative: Bool) throws -> String {
    let root = try parseJSON(String(decoding: body, as: UTF8.self))
    var question = Question(
      tokens: try root["prompt"].elements().map { try $0.integer() },
      count: try root[isNative ? "n_probs" : "logprobs"].integer(),
      scales: [0: fault == .defaultIgnored ? 0 : defaultScale], isNative: isNative)
    if let list = try root[optional: "lora"] {
      question.scales = [:]
      for item in try list.elements() { question.scales[try item["id"].integer()] = try item["scale"].number() }
    }
    question.group = try root["cache_prompt"].boolean() ? "" : nil
    question.forced = try root[optional: "logit_bias"]?.elements().first?.elements().first?.integer()
    let reply = try reply(to: question)
    let list = reply.candidates.map { #"{"id": \#($0.token), "token": "?", "logprob": \#($0.value)}"# }
    let content = #"[{"id": \#(reply.said), "top_logprobs": [\#(list.joined(separator: ","))]}]"#
    let count = question.tokens.count
    if isNative {
      let probabilities = reply.isSilent ? "" : #""completion_probabilities": \#(content), "#
      return #"{\#(probabilities)"tokens_evaluated": \#(count), "timings": {"cache_n": \#(reply.keptCount)}}"#
    }
    let probabilities = reply.isSilent ? "null" : #"{"content": \#(content)}"#
    return #"{"choices": [{"logprobs": \#(probabilities)}], "usage": {"prompt_tokens": \#(count)}}"#
  }

  /// The names of adapters where they have no numbers.
  private func name(_ number: Int) -> String { "a\(number)" }

  private func scales(ofModel name: String) -> [Int: Double]? {
    if name == "base" || name == "base:latest" { return [:] }
    let plain = name.split(separator: ":")[0]
    return (0..<adapterCount).first { plain == self.name($0) }.map { [$0: 1] }
  }

  func openAIReply(_ request: FakeServer.Request) throws -> FakeServer.Reply? {
    switch request.path {
    case "/v1/models":
      let isVLLM = dialect == .vLLM
      let parent = isVLLM ? #", "parent": "base", "root": "/adapters/x""# : ""
      let owner = isVLLM ? "vllm" : "me"
      let base = #"{"id": "base", "owned_by": "\#(owner)"\#(isVLLM ? #", "parent": null, "max_model_len": 128"# : "")}"#
      let adapters = (0..<adapterCount).map { #"{"id": "\#(name($0))", "owned_by": "\#(owner)"\#(parent)}"# }
      return .init(json: #"{"object": "list", "data": [\#(([base] + adapters).joined(separator: ","))]}"#)
    case "/version" where dialect == .vLLM: return .init(json: #"{"version": "0.0.1"}"#)
    case "/openapi.json" where dialect == .texts:
      return .init(json: #"{"openapi": "3.1.0", "info": {"title": "Texts", "version": "0.0.2"}}"#)
    case "/v1/completions": return try openAICompletion(request.body)
    default: return nil
    }
  }

  private func openAICompletion(_ body: [UInt8]) throws -> FakeServer.Reply {
    let root = try parseJSON(String(decoding: body, as: UTF8.self))
    let name = try root["model"].string()
    guard let scales = scales(ofModel: name) else {
      return .init(status: "404 Not Found", json: #"{"message": "The model `\#(name)` does not exist."}"#)
    }
    let prompt = try root["prompt"]
    var question = Question(tokens: [], count: try root["logprobs"].integer(), scales: scales, isNative: false)
    if dialect == .vLLM {
      question.tokens = try prompt.elements().map { try $0.integer() }
      question.group = try root["cache_salt"].string()
    } else if prompt.kind == .string {
      question.tokens = Self.tokens(of: try prompt.string())
    } else {
      return .init(
        status: "500 Internal Server Error", json: #"{"error": {"message": "Input should be a valid string"}}"#)
    }
    guard dialect == .vLLM || question.count <= 5 else {
      return .init(status: "400 Bad Request", json: #"{"error": {"message": "at most 5 logprobs"}}"#)
    }
    let reply = try reply(to: question)
    let list = reply.candidates.map { token, value in
      #""\#(dialect == .vLLM ? "token_id:\(token)" : Self.text(of: token))": \#(value)"#
    }
    let probabilities = reply.isSilent ? "null" : #"{"top_logprobs": [{\#(list.joined(separator: ","))}]}"#
    let details = dialect == .vLLM ? #", "prompt_tokens_details": {"cached_tokens": \#(reply.keptCount)}"# : ""
    return .init(
      json:
        #"{"choices": [{"logprobs": \#(probabilities)}], "usage": {"prompt_tokens": \#(question.tokens.count)\#(details)}}"#
    )
  }

  func ollamaReply(_ request: FakeServer.Request) throws -> FakeServer.Reply? {
    let names = ["base:latest"] + (0..<adapterCount).map { "\(name($0)):latest" }
    switch request.path {
    case "/api/version": return .init(json: #"{"version": "0.0.3"}"#)
    case "/api/tags":
      return .init(json: #"{"models": [\#(names.map { #"{"name": "\#($0)"}"# }.joined(separator: ","))]}"#)
    case "/api/show":
      let name = try parseJSON(String(decoding: request.body, as: UTF8.self))["model"].string()
      let adapter = name.hasPrefix("base") ? "" : #"\nADAPTER /blobs/\#(name)"#
      return .init(
        json: ##"{"modelfile": "# made\n# FROM \##(name)\n\nFROM /blobs/base\##(adapter)\nTEMPLATE x\nADAPTER y"}"##)
    case "/api/generate":
      let root = try parseJSON(String(decoding: request.body, as: UTF8.self))
      guard try root["raw"].boolean(), let scales = scales(ofModel: try root["model"].string()) else { return nil }
      let question = Question(
        tokens: Self.tokens(of: try root["prompt"].string()), count: try root["top_logprobs"].integer(), scales: scales)
      let reply = try reply(to: question)
      let list = reply.candidates.map { #"{"token": "\#(Self.text(of: $0.token))", "logprob": \#($0.value)}"# }
      let probabilities =
        reply.isSilent
        ? "" : #""logprobs": [{"token": "?", "logprob": -1, "top_logprobs": [\#(list.joined(separator: ","))]}], "#
      return .init(json: #"{\#(probabilities)"response": "", "prompt_eval_count": \#(question.tokens.count)}"#)
    default: return nil
    }
  }
}
