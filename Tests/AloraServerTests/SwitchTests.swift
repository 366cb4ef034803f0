import AloraGeneration
import AloraInference
import AloraJSON
import AloraModels
import AloraNPZ
import AloraServing
import AloraSwitch
import AloraTestSupport
import AloraTokenization
import Foundation
import Testing

@testable import AloraServer

/// A Granite Switch over HTTP: its slots are adapters.
@Suite(.timeLimit(.minutes(5))) struct SwitchTests {
  /// The model `tiny` with the slots `plain`, `ranked` and `patterned`, whose control tokens are 29, 30 and 31.
  private func withSwitch(_ body: (LoopbackClient, RunningServer) async throws -> Void) async throws {
    let directory = NSTemporaryDirectory() + "alora-\(UUID().uuidString)"
    defer { try? FileManager.default.removeItem(atPath: directory) }
    try writeSpellingSwitch(to: directory)
    let pool = ThreadPool(threadCount: 1)
    let opened = try ModelWithAdapters(path: directory)
    let model = try Model(source: opened.source, pool: pool)
    let registry = AdapterRegistry(baseNames: ["tiny"])
    for (name, adapter) in opened.adapters {
      try registry.add(Adapter(adapter, model: model, pool: pool), named: name)
    }
    let encoder = ConversationEncoder(
      tokenizer: try model.source.tokenizer(), template: try model.source.chatTemplate(), path: directory)
    try await AloraServerTests.withServer(
      directory: directory, model: model, registry: registry, encoder: encoder, body)
  }

  private func complete(_ client: LoopbackClient, _ prompt: String, _ more: String = "") async throws
    -> LoopbackResponse
  {
    try await client.post(
      "/v1/completions",
      #"{"prompt":\#(prompt),"temperature":0,"max_tokens":1,"ignore_eos":true,"logprobs":3,"#
        + #""return_tokens_as_token_ids":true\#(more)}"#)
  }

  private func best(_ response: LoopbackResponse) throws -> String {
    try response.json["choices"].elements()[0]["logprobs"].serialized
  }

  @Test func theFirstTokenIsThatOfGraniteSwitch() async throws {
    let file = try NPZFile(path: testData("switch/golden.npz"))
    try await withSwitch { client, _ in
      var saidCount = 0
      for index in 0..<5 {
        let tokens = try file.integers(named: "tokens_\(index)")
        let last = try file.floats(named: "logits_\(index)").suffix(32)
        let expected = try #require(last.indices.max { last[$0] < last[$1] }) - last.startIndex
        let response = try await complete(client, "\(tokens)")
        let names = try response.json["choices"].elements()[0]["logprobs"]["tokens"].elements()
        // A control token ends the answer.
        let said = expected < 29 ? ["token_id:\(expected)"] : []
        #expect(try names.map { try $0.string() } == said, "\(response.body)")
        saidCount += said.count
        let start = tokens.firstIndex { $0 >= 29 }
        let alora = try response.json["alora"]
        #expect(try alora[optional: "activation_start"]?.integer() == start)
        let slots = [29: "plain", 30: "ranked", 31: "patterned"]
        #expect(try alora[optional: "adapter"]?.string() == start.flatMap { slots[tokens[$0]] })
      }
      #expect(saidCount >= 3)
    }
  }

  @Test func theControlTokenChoosesAndANameMayAgreeWithIt() async throws {
    try await withSwitch { client, _ in
      let models = try await client.get("/v1/models").json["data"].elements().map { try $0["id"].string() }
      #expect(models == ["tiny", "plain", "ranked", "patterned"])
      let byToken = try await complete(client, "[3, 1, 30, 4]")
      let byText = try await complete(client, #""DB<ranked>E""#)
      let byName = try await complete(client, "[3, 1, 30, 4]", #","model":"ranked""#)
      #expect(try best(byToken) == best(byText) && best(byToken) == best(byName))
      // The same text with the substitute is the base's.
      let base = try await complete(client, "[3, 1, 5, 4]")
      #expect(try best(base) != best(byToken) && base.json["alora"][optional: "adapter"]?.isNull ?? true)
      let other = try await complete(client, "[3, 1, 29, 4]", #","model":"ranked""#)
      #expect(other.status == 400 && other.body.contains("'plain' on, and 'ranked' was asked for"), "\(other.body)")
      #expect(try other.json["error"]["code"].string() == "control_tokens")
      let none = try await complete(client, "[3, 1, 4]", #","model":"ranked""#)
      #expect(none.status == 400)
      #expect(try none.json["error"]["code"].string() == "invocation_not_found")
    }
  }

  @Test func twoControlTokensAreRefused() async throws {
    try await withSwitch { client, _ in
      for prompt in ["[29, 1, 30]", #""A<plain>B<ranked>C""#] {
        let response = try await complete(client, prompt)
        #expect(response.status == 400 && response.body.contains("of 'plain' and 'ranked'"), "\(response.body)")
      }
      let twice = try await complete(client, "[29, 1, 29]")
      #expect(try twice.status == 200 && twice.json["alora"]["activation_start"].integer() == 0)
    }
  }

  @Test func aChatGetsItsControlToken() async throws {
    try await withSwitch { client, server in
      // The template writes the token of `ranked` after the generation prompt; that of `plain` is put before it.
      for (name, text) in [("ranked", "HI.a<ranked>"), ("plain", "HI.<plain>a"), ("tiny", "HI.a")] {
        let tokens = try server.state.encoder.tokenizer.encode(text, addsSpecialTokens: false)
        let chat = #"{"model":"\#(name)","temperature":0,"max_tokens":3,"messages":[{"role":"user","content":"HI"}]}"#
        let json = try await client.post("/v1/chat/completions", chat).json
        #expect(try json["usage"]["prompt_tokens"].integer() == tokens.count, "\(json.serialized)")
        let start = tokens.firstIndex { $0 >= 29 }
        #expect(try json["alora"][optional: "activation_start"]?.integer() == start)
        let adapter = name == "tiny" ? nil : name
        var request = GenerationRequest(
          tokens: tokens, adapter: try adapter.flatMap { try server.state.registry.resolve($0)?.adapter }, limit: 3)
        request.endTokens = server.state.chatEndTokens.union([29, 30, 31])
        let generator = Generator(
          evaluator: Evaluator(model: server.state.model, pool: ThreadPool(threadCount: 1)),
          cache: PrefixCache(model: server.state.model, byteLimit: 0))
        let answer = try generator.generate([request])[0].tokens.filter { !request.endTokens.contains($0) }
        #expect(
          try json["choices"].elements()[0]["message"]["content"].string()
            == server.state.encoder.tokenizer.decode(answer))
      }
    }
  }

  @Test func allSlotsShareWhatTheBaseHasComputed() async throws {
    try await withSwitch { client, _ in
      let head = (0..<20).map { ($0 * 7) % 26 }
      _ = try await complete(client, "\(head)")
      for token in [29, 30, 31] {
        let json = try await complete(client, "\(head + [token, 4])").json
        #expect(try json["usage"]["prompt_tokens_details"]["cached_tokens"].integer() == head.count)
      }
    }
  }
}
